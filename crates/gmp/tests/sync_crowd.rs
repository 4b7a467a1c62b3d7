//! What locks owe to a crowd, after the ideas of parking_lot's own tests.

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gmp::sync::{Condvar, Mutex, Once, RwLock, Semaphore};
use sync_common::with_all_parties;

/// Who takes the guard out and locks again at once leaves room for others, and nobody's addition is lost.
#[test]
fn readers_see_whole_changes_of_many_writers() {
    with_all_parties(|parties| {
        let pair = Arc::new(RwLock::new((0_u64, 0_u64)));
        let mine = Arc::clone(&pair);
        parties.all(6, move |me| {
            for _ in 0..300 {
                if me < 3 {
                    let mut pair = mine.write();
                    let seen = pair.0;
                    gmp::yield_now();
                    *pair = (seen + 1, pair.1 + 1);
                } else {
                    let pair = mine.read();
                    gmp::yield_now();
                    assert_eq!(pair.0, pair.1);
                }
            }
        });
        assert_eq!(*pair.read(), (900, 900));
    });
}

/// A condition may be waited for with one mutex now and with another one later.
#[test]
fn a_condition_serves_several_mutexes() {
    with_all_parties(|parties| {
        let shared = Arc::new(([Mutex::new(0), Mutex::new(0)], Condvar::new()));
        let mine = Arc::clone(&shared);
        let waits = parties.start(0, move || {
            for at in [0, 1, 0] {
                let mut value = mine.0[at].lock();
                mine.1.wait_while(&mut value, |value| *value == 0);
                *value = 0;
                mine.1.notify_all();
            }
        });
        let sets = parties.start(1, move || {
            for at in [0, 1, 0] {
                let mut value = shared.0[at].lock();
                *value = 1;
                shared.1.notify_all();
                // The guard of one mutex waits while the other one is free.
                shared.1.wait_while(&mut value, |value| *value == 1);
            }
        });
        waits.join().unwrap();
        sets.join().unwrap();
    });
}

/// A stampede: all at once, many times; one runs, everybody sees what it did.
#[test]
fn a_stampede_on_once() {
    with_all_parties(|parties| {
        for _ in 0..50 {
            let shared = Arc::new((Once::new(), AtomicUsize::new(0)));
            parties.all(6, move |_| {
                shared.0.call_once(|| {
                    gmp::yield_now();
                    // Relaxed: the `Once` orders it.
                    shared.1.fetch_add(1, Ordering::Relaxed);
                });
                // Relaxed: as above.
                assert_eq!(shared.1.load(Ordering::Relaxed), 1);
            });
        }
    });
}

/// A large request among small ones is served, and nobody is inside with it.
#[test]
fn a_semaphore_as_a_lock_for_readers_and_writers() {
    with_all_parties(|parties| {
        let permits = Arc::new(Semaphore::new(4));
        let value = Arc::new(AtomicUsize::new(0));
        parties.all(5, move |me| {
            for i in 0..200 {
                if (me + i) % 5 == 0 {
                    let _all = permits.acquire(4);
                    // Relaxed: the semaphore orders it.
                    let seen = value.load(Ordering::Relaxed);
                    gmp::yield_now();
                    // Relaxed: as above.
                    value.store(seen + 1, Ordering::Relaxed);
                } else {
                    let _one = permits.acquire(1);
                    // Relaxed: as above.
                    let seen = value.load(Ordering::Relaxed);
                    gmp::yield_now();
                    // Relaxed: as above.
                    assert_eq!(value.load(Ordering::Relaxed), seen);
                }
            }
        });
    });
}

/// What is not locked is shown, what is locked says so, and what has no size has locks, too.
#[test]
fn locks_show_what_they_may_and_hold_what_has_no_size() {
    let lock: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2, 3]));
    assert_eq!(lock.lock().len(), 3);
    assert!(format!("{lock:?}").contains("[1, 2, 3]"));
    let guard = lock.lock();
    assert!(format!("{lock:?}").contains("<locked>"));
    assert_eq!(format!("{guard:?}"), "[1, 2, 3]");
    let shared: Arc<RwLock<dyn Send + Sync>> = Arc::new(RwLock::new(5));
    assert!(shared.try_read().is_some() && shared.try_write().is_some());
    let reader = shared.read();
    assert!(shared.try_read().is_some() && shared.try_write().is_none());
    drop(reader);
    let pair = (Mutex::new(1), Condvar::new());
    assert!(!pair.1.wait_for(&mut pair.0.lock(), Duration::ZERO));
    assert!(!pair.1.notify_one());
}
