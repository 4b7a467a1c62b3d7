//! Everything at once: hogs, blocked goroutines, channels, panics, locked threads, GOMAXPROCS going up and down.
//!
//! What must hold is conservation: every goroutine ends once, every message arrives once.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::chan::{Receiver, Sender, bounded};
use gmp::runtime::{lock_os_thread, set_gomaxprocs};

use crate::Run;
use crate::hogs;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// Waves of goroutines until the time is over.
pub(crate) fn everything_at_once(run: &Run) -> Result<String, String> {
    let one = |ledger: &Arc<Ledger>, rng: &mut Rng| {
        wave(ledger, rng)?;
        set_gomaxprocs(1 + rng.below(2 * run.procs as u64) as usize);
        Ok(())
    };
    ledger::waves(run, one, |waves| format!("{waves} waves"))
}

fn wave(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let (tx, rx) = bounded(rng.below(3) as usize);
    let all: Vec<_> = (0..20 + rng.below(60))
        .map(|_| {
            let (seed, tx, rx) = (rng.next(), tx.clone(), rx.clone());
            let mine = Arc::clone(ledger);
            (ledger.go(move || act(seed, &mine, tx, &rx)), seed)
        })
        .collect();
    let mine = Arc::clone(ledger);
    let drain = ledger.go(move || rx.iter().for_each(|_| mine.take(1)));
    drop(tx);
    // Some of them panic on purpose.
    all.into_iter().try_for_each(|(one, seed)| ledger::joined(one, seed).map(drop))?;
    ledger::joined(drain, 0).map(drop)
}

/// What one goroutine does.
fn act(seed: u64, ledger: &Ledger, tx: Sender<u64>, rx: &Receiver<u64>) {
    let mut rng = Rng::new(seed);
    let send = |n: u64| {
        if tx.send(n).is_ok() {
            ledger.give(1);
        }
    };
    match rng.below(10) {
        0 => drop(black_box((hogs::INTEGERS.work)(seed))),
        1 => drop(black_box((hogs::ALLOCATE.work)(seed))),
        2 => drop(black_box((hogs::MUTEX.work)(seed))),
        3 => thread::sleep(Duration::from_micros(rng.below(2_000))),
        4 => gmp::blocking(|| thread::sleep(Duration::from_micros(rng.below(2_000)))),
        5 => gmp::time::sleep(Duration::from_micros(rng.below(2_000))),
        6 => {
            let _locked = lock_os_thread();
            let here = thread::current().id();
            for n in 0..5 {
                send(n);
                gmp::yield_now();
                assert_eq!(thread::current().id(), here, "a locked goroutine has moved");
            }
        }
        7 => ledger::panics(seed),
        8 => {
            if rx.try_recv().is_ok() {
                ledger.take(1);
            }
        }
        _ => (0..rng.below(50)).for_each(|n| {
            send(n);
            black_box((0..rng.below(20)).fold(n, |sum, _| (hogs::VECTOR.work)(sum)));
        }),
    }
}
