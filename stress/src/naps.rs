//! Sleeps, timers and deadlines: none is early, and each timer does what stop and reset said that it would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::chan::{RecvTimeoutError, bounded};
use gmp::time::{Timer, sleep};

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// Wave after wave, until the time is over.
pub(crate) fn naps(run: &Run) -> Result<String, String> {
    ledger::waves(run, wave, |waves| format!("{waves} waves"))
}

/// Goroutines that wait for the clock, each in its way, joined.
pub(crate) fn wave(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let all: Vec<_> = (0..20 + rng.below(200))
        .map(|_| {
            let (seed, mine) = (rng.next(), Arc::clone(ledger));
            ledger.go(move || match seed % 4 {
                0 => timer_with_function(&mine, seed),
                1 => timer_with_value(&mine, seed),
                2 => deadline(&mine, seed),
                _ => (0..5).for_each(|n| nap(&mut Rng::new(seed + n))),
            })
        })
        .collect();
    all.into_iter().try_for_each(|goroutine| ledger::joined(goroutine, 0).map(drop))
}

fn short(rng: &mut Rng) -> Duration {
    Duration::from_micros(rng.below(2_000))
}

fn nap(rng: &mut Rng) {
    let (length, since) = (short(rng), Instant::now());
    sleep(length);
    assert!(since.elapsed() >= length, "a sleep of {length:?} took {:?}", since.elapsed());
}

/// Every start that was not prevented runs, once.
fn timer_with_function(ledger: &Arc<Ledger>, seed: u64) {
    let mut rng = Rng::new(seed);
    let runs = Arc::new(AtomicU64::new(0));
    let (mine, count) = (Arc::clone(ledger), Arc::clone(&runs));
    let mut starts = 1;
    ledger.give(1);
    let timer = Timer::after_func(short(&mut rng), move || {
        count.fetch_add(1, Ordering::Relaxed);
        mine.take(1);
    });
    for _ in 0..rng.below(6) {
        if rng.below(2) == 0 {
            nap(&mut rng);
        }
        let prevented = if rng.below(3) == 0 {
            timer.stop()
        } else {
            ledger.give(1);
            starts += 1;
            timer.reset(short(&mut rng))
        };
        if prevented {
            ledger.take(1);
            starts -= 1;
        }
    }
    let since = Instant::now();
    while runs.load(Ordering::Relaxed) < starts {
        assert!(since.elapsed() < Duration::from_secs(20), "a timer does not run");
        nap(&mut rng);
    }
}

/// A value is received unless a stop has prevented it.
fn timer_with_value(ledger: &Ledger, seed: u64) {
    let mut rng = Rng::new(seed);
    let since = Instant::now();
    let mut length = short(&mut rng);
    let timer = Timer::new(length);
    if rng.below(2) == 0 {
        length = short(&mut rng);
        assert!(timer.reset(length), "nobody has received it");
    }
    ledger.give(1);
    if rng.below(3) == 0 {
        assert!(timer.stop(), "nobody has received it");
        assert!(timer.receiver().try_recv().is_err(), "a stopped timer has a value");
    } else {
        timer.receiver().recv().expect("a timer is never closed");
        assert!(since.elapsed() >= length, "a timer was early");
        assert!(!timer.stop(), "it was received");
    }
    ledger.take(1);
}

/// A receiver with a deadline gets the value or the deadline, and the sender agrees.
fn deadline(ledger: &Arc<Ledger>, seed: u64) {
    let mut rng = Rng::new(seed);
    let (tx, rx) = bounded::<u64>(0);
    let (patience, delay) = (short(&mut rng), short(&mut rng));
    let mine = Arc::clone(ledger);
    // Before the sender begins its delay.
    let since = Instant::now();
    let sender = ledger.go(move || {
        sleep(delay);
        let sent = tx.send_timeout(seed, Duration::from_micros(seed % 500)).is_ok();
        mine.give(sent.into());
        sent
    });
    let asked = Instant::now();
    let got = rx.recv_timeout(patience);
    match got {
        Err(RecvTimeoutError::Timeout) => {
            assert!(asked.elapsed() >= patience, "a deadline was early");
        }
        // A value, or the end of the channel: its sender has slept.
        _ => assert!(since.elapsed() >= delay, "a sleep was early"),
    }
    ledger.take(got.is_ok().into());
    // It listens no more; who sends is told.
    drop(rx);
    assert_eq!(sender.join().expect("no panic"), got == Ok(seed), "one says sent, one does not");
}
