//! Goroutines that are waited for: groups, handles, scopes, futures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gmp::sync::{ErrGroup, SingleFlight, WaitGroup};
use gmp::{block_on, chan, go, scope};

use super::{both, in_all_places};

#[test]
fn a_group_is_waited_for() {
    in_all_places(|a, b| {
        let group = WaitGroup::new();
        group.add(2);
        let (works, work) = (group.clone(), Arc::new(AtomicU32::new(0)));
        let (worked, looked) = (Arc::clone(&work), Arc::clone(&work));
        let worker = move || {
            // Relaxed: `done` and `wait` order it.
            worked.fetch_add(1, Ordering::Relaxed);
            works.done();
            let worked = Arc::clone(&worked);
            works.go(move || _ = worked.fetch_add(1, Ordering::Relaxed));
            works.done();
        };
        let waiter = move || {
            group.wait();
            looked.load(Ordering::Relaxed)
        };
        assert_eq!(both((a, worker), (b, waiter)).1, 2, "{a:?} {b:?}");
    });
}

#[test]
fn the_first_error_is_given() {
    in_all_places(|a, b| {
        let group = Arc::new(ErrGroup::new());
        group.set_limit(1);
        let (adds, waits) = (Arc::clone(&group), Arc::clone(&group));
        let (added, all) = chan::bounded(0);
        let adder = move || {
            adds.go(|| Err("first"));
            adds.go(|| Err("second"));
            added.send(()).unwrap();
        };
        let waiter = move || {
            all.recv().unwrap();
            waits.wait()
        };
        assert_eq!(both((a, adder), (b, waiter)).1, Err("first"), "{a:?} {b:?}");
    });
}

#[test]
fn a_flight_is_shared() {
    in_all_places(|a, b| {
        let flights = Arc::new(SingleFlight::new());
        let (first, second) = (Arc::clone(&flights), flights);
        let ((go_on, waits), (begun, begins)) = (chan::bounded(0), chan::bounded(0));
        let pilot = move || {
            first.run("key", || {
                begun.send(()).unwrap();
                waits.recv().unwrap()
            })
        };
        let other = move || {
            begins.recv().unwrap();
            go(move || go_on.send(5).unwrap());
            // Either aboard, or after it has landed.
            second.run("key", || 5).0
        };
        let ((landed, _), joined) = both((a, pilot), (b, other));
        assert_eq!((landed, joined), (5, 5), "{a:?} {b:?}");
    });
}

#[test]
fn goroutines_are_joined_and_awaited() {
    in_all_places(|a, b| {
        let ((give, given), (answer, answered)) = (chan::bounded(0), chan::bounded(0));
        let starts = move || {
            give.send(go(move || answered.recv().unwrap())).unwrap();
            let awaited = go(|| 3);
            block_on(async { awaited.await.unwrap() })
        };
        let joins = move || {
            let handle = given.recv().unwrap();
            answer.send(4).unwrap();
            handle.join().unwrap()
        };
        assert_eq!(both((a, starts), (b, joins)), (3, 4), "{a:?} {b:?}");
    });
}

#[test]
fn a_scope_waits_for_its_goroutines() {
    in_all_places(|a, b| {
        let sum = || {
            let mut parts = [1, 2, 3];
            scope(|s| {
                for part in &mut parts {
                    s.go(move || {
                        gmp::yield_now();
                        *part *= 10;
                    });
                }
            });
            parts.iter().sum::<u32>()
        };
        assert_eq!(both((a, sum), (b, sum)), (60, 60), "{a:?} {b:?}");
    });
}

#[test]
fn a_future_receives() {
    in_all_places(|a, b| {
        let (tx, rx) = chan::bounded(0);
        let sends = move || (0..5).for_each(|i| tx.send(i).unwrap());
        let receives = move || {
            block_on(async {
                let mut sum = 0;
                while let Ok(value) = rx.recv_async().await {
                    sum += value;
                }
                sum
            })
        };
        assert_eq!(both((a, sends), (b, receives)).1, 10, "{a:?} {b:?}");
    });
}
