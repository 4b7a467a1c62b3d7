//! `Context::after_func`: what runs when a context is over (go.md 1.7).

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::context::background;
use sync_common::{goroutine, until};

/// Promise Z11.
#[test]
fn after_func_runs_once_when_it_is_over() {
    goroutine(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let run = || {
            let runs = Arc::clone(&runs);
            move || {
                runs.fetch_add(1, Ordering::Relaxed);
            }
        };
        let (context, cancel) = background().with_cancel();
        let kept = context.after_func(run());
        let stopped = context.after_func(run());
        assert!(stopped.stop());
        assert!(!stopped.stop());
        cancel.cancel();
        until(|| runs.load(Ordering::Relaxed) == 1);
        assert!(!kept.stop());
        let late = context.after_func(run());
        until(|| runs.load(Ordering::Relaxed) == 2);
        assert!(!late.stop());
        assert!(background().after_func(run()).stop());
    });
}

/// Of `stop` and the run exactly one happens.
/// Promise Z12.
#[test]
fn stop_and_cancel_race_exactly() {
    goroutine(|| {
        for _ in 0..500 {
            let runs = Arc::new(AtomicUsize::new(0));
            let mine = Arc::clone(&runs);
            let (context, cancel) = background().with_cancel();
            let stop = context.after_func(move || {
                mine.fetch_add(1, Ordering::Relaxed);
            });
            let canceller = gmp::go(move || cancel.cancel());
            let stopped = stop.stop();
            canceller.join().unwrap();
            if stopped {
                assert_eq!(Arc::strong_count(&runs), 1, "the function was dropped");
            } else {
                until(|| runs.load(Ordering::Relaxed) == 1);
            }
        }
    });
}
