//! `SingleFlight`: one computation per key at a time (go.md 1.6, x/sync).

mod sync_common;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::sync::{Semaphore, SingleFlight};
use sync_common::{goroutine, until, with_all_parties};

/// Promise Y21.
#[test]
fn concurrent_calls_share_one_run() {
    with_all_parties(|parties| {
        let flights = Arc::new((SingleFlight::new(), AtomicUsize::new(0), AtomicUsize::new(0)));
        let mine = Arc::clone(&flights);
        let results = parties.all(8, move |_| {
            mine.1.fetch_add(1, Ordering::Relaxed);
            mine.0.run("key", || {
                // Everybody is on the way; most will be passengers.
                until(|| mine.1.load(Ordering::Relaxed) == 8);
                mine.2.fetch_add(1, Ordering::Relaxed)
            })
        });
        let runs = flights.2.load(Ordering::Relaxed);
        assert!(runs >= 1);
        for run in 0..runs {
            let users: Vec<_> = results.iter().filter(|(value, _)| *value == run).collect();
            // Shared says the same to everybody who got this value, and is true.
            assert!(users.iter().all(|(_, shared)| *shared == (users.len() > 1)), "{results:?}");
        }
    });
}

#[test]
fn keys_are_apart_and_nothing_is_kept() {
    let flights = SingleFlight::new();
    assert_eq!(flights.run(1, || "a"), ("a", false));
    assert_eq!(flights.run(2, || "b"), ("b", false));
    assert_eq!(flights.run(1, || "c"), ("c", false));
}

#[test]
fn a_panic_is_its_callers_and_the_next_one_runs() {
    goroutine(|| {
        let flights = Arc::new((SingleFlight::new(), Semaphore::new(0), AtomicUsize::new(0)));
        let mine = Arc::clone(&flights);
        let first = gmp::go(move || {
            mine.0.run("key", || {
                mine.2.fetch_add(1, Ordering::Relaxed);
                mine.1.acquire(1).forget();
                resume_unwind(Box::new("on purpose"))
            })
        });
        until(|| flights.2.load(Ordering::Relaxed) == 1);
        let mine = Arc::clone(&flights);
        let second = gmp::go(move || mine.0.run("key", || 5));
        gmp::yield_now();
        flights.1.release(1);
        assert!(first.join().is_err());
        assert_eq!(second.join().unwrap().0, 5);
    });
}

/// Promise Y21.
#[test]
fn forgetting_starts_anew_beside_the_old_one() {
    goroutine(|| {
        let flights = Arc::new((SingleFlight::new(), Semaphore::new(0), AtomicUsize::new(0)));
        let mine = Arc::clone(&flights);
        let old = gmp::go(move || {
            mine.0.run("key", || {
                mine.2.store(1, Ordering::Relaxed);
                mine.1.acquire(1).forget();
                "old"
            })
        });
        until(|| flights.2.load(Ordering::Relaxed) == 1);
        flights.0.forget(&"key");
        assert_eq!(flights.0.run("key", || "new"), ("new", false));
        flights.1.release(1);
        assert_eq!(old.join().unwrap(), ("old", false));
    });
}
