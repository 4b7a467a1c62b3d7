//! One at a time is inside, sees what the others did there, and nobody stays counted.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicU32, model, thread};
use crate::testing::RaceCell;

fn turnstile() -> Turnstile<AtomicU32> {
    Turnstile { taken: AtomicU32::new(FREE), away: AtomicU32::new(0) }
}

/// Two go through, so many times each: at the first attempt, or by waiting.
fn both_go_through(times: u32) {
    let shared = Arc::new((turnstile(), RaceCell::new()));
    let go = move |shared: &(Turnstile<AtomicU32>, RaceCell)| {
        let (turnstile, count) = shared;
        for _ in 0..times {
            if !turnstile.try_take() {
                turnstile.take(|away| {
                    assert!((1..=2).contains(&away));
                    thread::yield_now();
                });
            }
            count.set(count.get() + 1);
            turnstile.give_back();
        }
    };
    let other = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || go(&shared))
    };
    go(&shared);
    other.join().unwrap();
    assert!(shared.0.try_take(), "the last one left it free");
    assert_eq!(shared.1.get(), 2 * times);
    // Relaxed: the other one has been joined.
    assert_eq!(shared.0.away.get(Ordering::Relaxed), 0);
}

#[test]
fn model_both_go_through_once() {
    model(|| both_go_through(1));
}

#[test]
fn model_both_go_through_twice() {
    model(|| both_go_through(2));
}
