//! `Semaphore` and `Barrier`: never more inside than allowed, never fewer than possible.

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::sync::{Barrier, Semaphore};
use proptest::prelude::*;
use sync_common::{Random, with_all_parties};

/// Promise Y20.
#[test]
fn permits_bound_who_is_inside() {
    const PERMITS: usize = 5;
    with_all_parties(|parties| {
        let s = Arc::new((Semaphore::new(PERMITS), AtomicUsize::new(0)));
        let mine = Arc::clone(&s);
        parties.all(8, move |i| {
            let mut random = Random(i as u64);
            for _ in 0..500 {
                let n = random.below(PERMITS as u64 + 1) as usize;
                let _permits = mine.0.acquire(n);
                assert!(mine.1.fetch_add(n, Ordering::Relaxed) + n <= PERMITS);
                if random.below(4) == 0 {
                    gmp::yield_now();
                }
                mine.1.fetch_sub(n, Ordering::Relaxed);
            }
        });
        assert_eq!(s.0.available(), PERMITS);
    });
}

/// Promise Y7.
#[test]
fn a_holder_that_panics_gives_its_permits_back() {
    with_all_parties(|parties| {
        let s = Arc::new(Semaphore::new(2));
        let mine = Arc::clone(&s);
        let holder = parties.start(1, move || {
            let _permits = mine.acquire(2);
            resume_unwind(Box::new("on purpose"));
        });
        assert!(holder.join().is_err());
        assert_eq!(s.acquire(2).permits(), 2);
    });
}

#[test]
fn too_many_permits_are_refused() {
    let s = Semaphore::new(Semaphore::MAX_PERMITS);
    assert!(catch_unwind(AssertUnwindSafe(|| s.release(1))).is_err());
    assert_eq!(s.available(), Semaphore::MAX_PERMITS);
    s.acquire(1).forget();
    s.release(1);
    assert_eq!(s.available(), Semaphore::MAX_PERMITS);
}

proptest! {
    /// What the calls that do not wait say is what a number says.
    #[test]
    fn try_calls_follow_the_model(permits in 0usize..6, ops in prop::collection::vec((0u8..4, 0usize..5), 0..60)) {
        let s = Semaphore::new(permits);
        let mut model = permits;
        let mut held = Vec::new();
        for (op, n) in ops {
            match op {
                0 => {
                    let guard = s.try_acquire(n);
                    prop_assert_eq!(guard.is_some(), n <= model);
                    model -= guard.as_ref().map_or(0, |g| g.permits());
                    held.extend(guard);
                }
                1 if n < held.len() => {
                    model += held.swap_remove(n).permits();
                }
                2 if n < held.len() => held.swap_remove(n).forget(),
                3 => {
                    s.release(n);
                    model += n;
                }
                _ => {}
            }
            prop_assert_eq!(s.available(), model);
        }
    }
}

/// Promise Y22.
#[test]
fn a_barrier_has_one_leader_per_round() {
    const ROUNDS: usize = 300;
    with_all_parties(|parties| {
        let meeting = Arc::new((Barrier::new(5), AtomicUsize::new(0)));
        let led = parties.all(5, move |_| {
            let mut led = 0;
            for round in 0..ROUNDS {
                meeting.1.fetch_add(1, Ordering::Relaxed);
                led += usize::from(meeting.0.wait().is_leader());
                // Everybody has arrived in this round, and nobody is more than one ahead.
                let arrived = meeting.1.load(Ordering::Relaxed);
                assert!((5 * (round + 1)..=5 * (round + 2)).contains(&arrived));
            }
            led
        });
        assert_eq!(led.iter().sum::<usize>(), ROUNDS);
    });
}

#[test]
fn a_barrier_for_one_or_none_lets_pass() {
    assert!(Barrier::new(0).wait().is_leader());
    assert!(Barrier::new(1).wait().is_leader());
}
