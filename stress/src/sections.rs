//! Blocking sections, short and long, one in the other, left by panics, with locked threads among them: each gives what
//! it should, on the thread it was entered on, and others go on meanwhile.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::runtime::{lock_os_thread, metrics};

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// Wave after wave, until the time is over.
pub(crate) fn sections(run: &Run) -> Result<String, String> {
    ledger::waves(run, wave, |_| format!("{} hand-offs", metrics().total.handoffs))
}

/// Goroutines that enter sections, joined.
pub(crate) fn wave(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let all: Vec<_> = (0..1 + rng.below(30))
        .map(|_| {
            let (seed, mine) = (rng.next(), Arc::clone(ledger));
            (ledger.go(move || enter(&mine, seed)), seed)
        })
        .collect();
    all.into_iter().try_for_each(|(goroutine, seed)| {
        ledger::joined(goroutine, seed).map(|given| ledger.take(given.unwrap_or(0)))
    })
}

/// Enters some sections; how many units that has given.
fn enter(ledger: &Ledger, seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut given = 0;
    let mut give = |n| {
        ledger.give(n);
        given += n;
    };
    for _ in 0..1 + rng.below(20) {
        let here = thread::current().id();
        let n = rng.below(100);
        let same = gmp::blocking(|| {
            match rng.below(12) {
                0 => thread::sleep(Duration::from_micros(rng.below(3_000))),
                1 => thread::sleep(Duration::from_micros(rng.below(60))),
                2 => thread::yield_now(),
                3 => gmp::blocking(|| thread::sleep(Duration::from_micros(rng.below(200)))),
                _ => {}
            }
            thread::current().id() == here
        });
        assert!(same, "a section has moved to another thread");
        give(n);
        match rng.below(8) {
            0 => gmp::yield_now(),
            1 => {
                let _locked = lock_os_thread();
                let here = thread::current().id();
                gmp::blocking(|| thread::sleep(Duration::from_micros(rng.below(300))));
                gmp::yield_now();
                assert_eq!(thread::current().id(), here, "a locked goroutine has moved");
            }
            _ => {}
        }
    }
    if rng.below(16) == 0 {
        // What it has given is taken here: it returns nothing.
        ledger.take(given);
        gmp::blocking(|| ledger::panics(seed));
    }
    given
}
