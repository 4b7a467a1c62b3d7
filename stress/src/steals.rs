//! Bursts from one processor that the others steal: long and short goroutines, from the ring and from `next`, while the
//! one who spawned them computes on. Each marks a place of its own.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use gmp::runtime::metrics;

use crate::Run;
use crate::hogs;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// Burst after burst, until the time is over.
pub(crate) fn steals(run: &Run) -> Result<String, String> {
    ledger::waves(run, burst, |_| format!("{} stolen", metrics().total.stolen))
}

fn burst(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    // Up to more than a ring holds.
    let most = 1 << rng.below(13);
    let n = 1 + rng.below(most);
    let places: Arc<Vec<AtomicU8>> = Arc::new((0..n).map(|_| AtomicU8::new(0)).collect());
    let kind = rng.below(4);
    for i in 0..n as usize {
        let (places, seed) = (Arc::clone(&places), rng.next());
        drop(ledger.go(move || {
            match kind {
                0 => {}
                1 => gmp::yield_now(),
                2 if i % 64 == 0 => drop(black_box((hogs::INTEGERS.work)(seed))),
                _ => (0..seed % 4).for_each(|_| gmp::yield_now()),
            }
            places[i].fetch_add(1, Ordering::Relaxed);
        }));
    }
    let since = Instant::now();
    let done = || places.iter().all(|place| place.load(Ordering::Relaxed) > 0);
    // Half of the bursts: no call into the runtime until all have run elsewhere, or patience ends. That it ends is
    // no mistake where there is one processor, or the others are busy.
    if rng.below(2) == 0 {
        while !done() && since.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
    }
    while !done() {
        if since.elapsed() > Duration::from_secs(30) {
            return Err("a goroutine of a burst does not run".into());
        }
        gmp::yield_now();
    }
    match places.iter().find(|place| place.load(Ordering::Relaxed) != 1) {
        Some(place) => Err(format!("a goroutine has run {place:?} times")),
        None => Ok(()),
    }
}
