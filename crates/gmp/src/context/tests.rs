//! That nothing accumulates: the children a scope knows can be counted from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// Promise Z3.
#[test]
fn children_leave_when_they_are_cancelled_dropped_or_stopped() {
    let (top, cancel) = background().with_cancel();
    let (a, cancel_a) = top.with_cancel();
    let (_b, cancel_b) = top.with_value(1).with_cancel();
    let (_c, _cancel_c) = a.with_cancel();
    let stop = top.after_func(|| ());
    assert_eq!((top.children(), a.children()), (3, 1));
    cancel_b.cancel();
    assert_eq!(top.children(), 2);
    assert!(stop.stop());
    assert_eq!(top.children(), 1);
    drop(cancel_a);
    assert_eq!((top.children(), a.children()), (0, 0));
    let (_d, _cancel_d) = top.with_cancel();
    cancel.cancel();
    assert_eq!(top.children(), 0);
    let (_late, _cancel_late) = top.with_cancel();
    assert_eq!(top.children(), 0);
}

/// Promise Z3.
#[test]
fn a_scope_is_freed_with_its_last_handle() {
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    // SAFETY: nothing here keeps a thread-local over a park.
    unsafe {
        crate::run(|| {
            let drops = Arc::new(AtomicUsize::new(0));
            let (top, cancel) = background().with_cancel();
            for _ in 0..10 {
                let held = Count(Arc::clone(&drops));
                let (below, _handle) = top.with_cancel();
                let (inner, _inner_handle) = below.with_cancel();
                // Kept by the scope, which is kept by its parent, until the handles go.
                let _stop = inner.after_func(move || drop(held));
            }
            let deadline = Instant::now() + Duration::from_secs(30);
            while drops.load(Ordering::Relaxed) < 10 {
                assert!(Instant::now() < deadline, "something is still held");
                crate::yield_now();
            }
            drop(cancel);
        });
    }
}
