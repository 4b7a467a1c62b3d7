//! Contexts with a deadline (go.md 1.7).

mod sync_common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::context::{ContextError, background};
use gmp::sync::WaitGroup;
use sync_common::{goroutine, until};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_timeout_ends_it_not_before_its_time() {
    goroutine(|| {
        let since = Instant::now();
        let (context, _cancel) = background().with_timeout(Duration::from_millis(5));
        let (below, _handle) = context.with_cancel();
        assert!(below.done().recv().is_err());
        assert!(since.elapsed() >= Duration::from_millis(5));
        assert_eq!(below.err(), Some(ContextError::DeadlineExceeded));
        assert_eq!(
            context.cause().map(|c| c.to_string()),
            Some("context deadline exceeded".to_string())
        );
    });
}

/// Promise Z10.
#[test]
fn a_deadline_in_the_past_is_over_from_the_start() {
    let (context, _cancel) = background().with_timeout(Duration::ZERO);
    assert_eq!(context.err(), Some(ContextError::DeadlineExceeded));
    assert!(context.done().recv().is_err());
}

/// Promise Z9.
#[test]
fn the_earlier_deadline_holds() {
    goroutine(|| {
        let now = Instant::now();
        let (outer, _a) = background().with_deadline(now + LONG);
        let (later, _b) = outer.with_deadline(now + 2 * LONG);
        let (earlier, _c) = outer.with_deadline(now + LONG / 2);
        let (inherits, _d) = earlier.with_cancel();
        assert_eq!(later.deadline(), Some(now + LONG));
        assert_eq!(earlier.deadline(), Some(now + LONG / 2));
        assert_eq!(inherits.deadline(), Some(now + LONG / 2));
        let (endless, _e) = background().with_timeout(Duration::MAX);
        assert_eq!(endless.err(), None);
    });
}

/// Promise Z4.
#[test]
fn cancelling_first_is_canceled_and_stops_the_timer() {
    goroutine(|| {
        let (context, cancel) = background().with_timeout(Duration::from_millis(3));
        let since = Instant::now();
        cancel.cancel();
        until(|| since.elapsed() > Duration::from_millis(6));
        assert_eq!(context.err(), Some(ContextError::Canceled));
    });
}

/// Cancel and deadline at the same moment: one of the two, the same for everybody, for ever.
/// Promise Z7.
#[test]
fn cancel_and_deadline_race_to_one_outcome() {
    goroutine(|| {
        let group = WaitGroup::new();
        for i in 0..200 {
            group.go(move || {
                let (context, cancel) =
                    background().with_timeout(Duration::from_micros(300 + i % 40));
                let (below, _handle) = context.with_cancel();
                gmp::time::sleep(Duration::from_micros(300));
                cancel.cancel();
                let first = context.err();
                assert!(first.is_some());
                assert_eq!(below.err(), first);
                gmp::time::sleep(Duration::from_micros(200));
                assert_eq!((context.err(), below.err()), (first, first));
            });
        }
        group.wait();
    });
}

/// Promise Z4.
#[test]
fn a_cancelled_timeout_keeps_nothing_alive() {
    goroutine(|| {
        let held = Arc::new(());
        for _ in 0..100 {
            let (context, cancel) = background().with_value(Arc::clone(&held)).with_timeout(LONG);
            let _stop = context.after_func({
                let context = context.clone();
                move || drop(context)
            });
            drop(cancel);
        }
        until(|| Arc::strong_count(&held) == 1);
    });
}
