//! `WaitGroup` and `ErrGroup` (go.md 1.6, WaitGroup and x/sync).

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::context::{Context, ContextError};
use gmp::sync::{ErrGroup, WaitGroup};
use sync_common::{goroutine, until, with_all_parties};

/// Promise Y8.
#[test]
fn wait_group_waits_for_all_and_sees_what_they_did() {
    with_all_parties(|parties| {
        let group = WaitGroup::new();
        let counts = Arc::new((0..10).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>());
        for round in 1..=50 {
            group.add(10);
            let handles: Vec<_> = (0..10)
                .map(|i| {
                    let (group, counts) = (group.clone(), Arc::clone(&counts));
                    parties.start(i, move || {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                        group.done();
                    })
                })
                .collect();
            group.wait();
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == round));
            handles.into_iter().for_each(|h| h.join().unwrap());
        }
    });
}

/// Promise Y8.
#[test]
fn wait_group_may_have_many_waiters_and_none() {
    with_all_parties(|parties| {
        let group = WaitGroup::new();
        group.wait();
        group.add(1);
        let (mine, ready) = (group.clone(), Arc::new(AtomicUsize::new(0)));
        let announced = Arc::clone(&ready);
        let opener = parties.start(0, move || {
            until(|| ready.load(Ordering::Relaxed) == 6);
            mine.done();
        });
        parties.all(6, move |_| {
            announced.fetch_add(1, Ordering::Relaxed);
            group.wait();
        });
        opener.join().unwrap();
    });
}

/// Promise Y9.
#[test]
fn wait_group_below_zero_panics() {
    let group = WaitGroup::new();
    let payload = catch_unwind(AssertUnwindSafe(|| group.done())).expect_err("nothing was to do");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"sync: negative WaitGroup counter"));
    group.wait();
}

/// Promise Y10.
#[test]
fn wait_group_go_counts_every_end_as_done() {
    goroutine(|| {
        let group = WaitGroup::new();
        let ran = Arc::new(AtomicUsize::new(0));
        for i in 0..9 {
            let ran = Arc::clone(&ran);
            group.go(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                match i % 3 {
                    0 => {}
                    1 => resume_unwind(Box::new("on purpose")),
                    _ => gmp::goexit(),
                }
            });
        }
        group.wait();
        assert_eq!(ran.load(Ordering::Relaxed), 9);
    });
}

/// Promises Y19, Z15.
#[test]
fn err_group_gives_the_first_error_and_cancels() {
    goroutine(|| {
        let (group, context) = ErrGroup::with_context(&Context::background());
        group.go(|| Err("first"));
        let mine = context.clone();
        group.go(move || {
            until(|| mine.err().is_some());
            Err("second")
        });
        group.go(|| Ok(()));
        assert_eq!(group.wait(), Err("first"));
        assert_eq!(context.err(), Some(ContextError::Canceled));
        assert_eq!(group.wait(), Ok(()), "an error is given once");
    });
}

#[test]
fn err_group_without_an_error_cancels_when_it_is_waited_for() {
    goroutine(|| {
        let (group, context) = ErrGroup::<()>::with_context(&Context::background());
        group.go(|| Ok(()));
        group.go(|| gmp::goexit());
        assert_eq!((group.wait(), context.err()), (Ok(()), Some(ContextError::Canceled)));
    });
}

/// Promise Y19.
#[test]
fn err_group_keeps_its_limit() {
    goroutine(|| {
        let group = ErrGroup::<()>::new();
        let inside = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        group.set_limit(3);
        for _ in 0..30 {
            let inside = Arc::clone(&inside);
            group.go(move || {
                let now = inside.0.fetch_add(1, Ordering::Relaxed) + 1;
                inside.1.fetch_max(now, Ordering::Relaxed);
                gmp::yield_now();
                inside.0.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
        assert!((1..=3).contains(&inside.1.load(Ordering::Relaxed)));
        group.set_limit(0);
        assert!(!group.try_go(|| Ok(())));
    });
}

#[test]
fn err_group_hands_on_a_panic() {
    goroutine(|| {
        let group = ErrGroup::<()>::new();
        group.go(|| resume_unwind(Box::new("on purpose")));
        let payload = catch_unwind(AssertUnwindSafe(|| group.wait())).expect_err("it panicked");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
    });
}
