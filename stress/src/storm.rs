//! Everything at once: hogs, blocked goroutines, channels, panics, locked threads, GOMAXPROCS going up and down.
//!
//! What must hold is conservation: every goroutine ends once, every message arrives once.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp::chan::{Receiver, Sender, bounded};
use gmp::runtime::{Builder, lock_os_thread, set_gomaxprocs};

use crate::Run;
use crate::hogs;
use crate::rng::Rng;

/// What the goroutines count.
#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

struct Ended(Arc<Counts>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waves of goroutines until the time is over.
pub(crate) fn everything_at_once(run: &Run) -> Result<String, String> {
    std::panic::set_hook(Box::new(|_| {}));
    let body = || {
        let counts = Arc::new(Counts::default());
        let mut rng = Rng::new(run.seed);
        let end = Instant::now() + run.time;
        let mut waves = 0;
        while Instant::now() < end {
            wave(&mut rng, &counts)?;
            set_gomaxprocs(1 + rng.below(2 * run.procs as u64) as usize);
            waves += 1;
        }
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (begun, ended) = (get(&counts.begun), get(&counts.ended));
        let (sent, received) = (get(&counts.sent), get(&counts.received));
        if begun != ended || sent != received {
            return Err(format!("{begun} begun, {ended} ended, {sent} sent, {received} received"));
        }
        Ok(format!("{waves} waves, {begun} goroutines, {sent} messages"))
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(run.procs).time_slice(Duration::from_millis(1)).run(body) }
}

fn wave(rng: &mut Rng, counts: &Arc<Counts>) -> Result<(), String> {
    let (tx, rx) = bounded(rng.below(3) as usize);
    let all: Vec<_> = (0..20 + rng.below(60))
        .map(|_| {
            let (seed, tx, rx) = (rng.next(), tx.clone(), rx.clone());
            let counts = counts.clone();
            counts.begun.fetch_add(1, Ordering::Relaxed);
            gmp::go(move || {
                let counts = Ended(counts);
                act(seed, &counts.0, tx, &rx);
            })
        })
        .collect();
    let drain = {
        let counts = counts.clone();
        gmp::go(move || {
            for _ in &rx {
                counts.received.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    drop(tx);
    for goroutine in all {
        // Some of them panic on purpose.
        if goroutine.join().is_err_and(|payload| !payload.is::<u64>()) {
            return Err("a goroutine has panicked that should not".into());
        }
    }
    drain.join().map_err(|_| "the receiver has panicked".into())
}

/// What one goroutine does.
fn act(seed: u64, counts: &Counts, tx: Sender<u64>, rx: &Receiver<u64>) {
    let mut rng = Rng::new(seed);
    let send = |n: u64| {
        if tx.send(n).is_ok() {
            counts.sent.fetch_add(1, Ordering::Relaxed);
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
        7 => std::panic::panic_any(seed),
        8 => {
            if rx.try_recv().is_ok() {
                counts.received.fetch_add(1, Ordering::Relaxed);
            }
        }
        _ => (0..rng.below(50)).for_each(|n| {
            send(n);
            black_box((0..rng.below(20)).fold(n, |sum, _| (hogs::VECTOR.work)(sum)));
        }),
    }
}
