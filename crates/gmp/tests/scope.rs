//! Goroutines that borrow (api.md, `scope`).

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::chan::bounded;
use gmp::context::{Context, ContextError};
use gmp::{go, goexit, scope, scope_with_context, yield_now};
use sync_common::goroutine;

#[test]
fn it_lends_and_waits() {
    goroutine(|| {
        let mut parts = vec![1, 2, 3];
        let total = AtomicUsize::new(0);
        let sum: usize = scope(|s| {
            let handles: Vec<_> = parts
                .iter_mut()
                .map(|part| {
                    s.go(|| {
                        *part *= 10;
                        yield_now();
                        total.fetch_add(*part, Ordering::Relaxed);
                        *part
                    })
                })
                .collect();
            handles.into_iter().map(|h| h.join().unwrap()).sum()
        });
        assert_eq!((sum, total.into_inner(), parts), (60, 60, vec![10, 20, 30]));
    });
}

#[test]
fn goroutines_start_more_of_them() {
    goroutine(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..10 {
                s.go(|| {
                    for _ in 0..10 {
                        s.go(|| count.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 100);
    });
}

#[test]
fn panics_of_those_that_nobody_joined_are_the_scopes() {
    goroutine(|| {
        let ran = AtomicUsize::new(0);
        let unjoined = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                s.go(|| panic!("expected"));
                s.go(|| ran.fetch_add(1, Ordering::Relaxed));
            });
        }));
        assert!(unjoined.is_err());
        // Joined: it was dealt with. Goexit: no failure.
        scope(|s| {
            assert!(s.go(|| panic!("expected")).join().is_err());
            s.go(|| goexit());
        });
        // The body's own panic comes after everybody has ended.
        let body = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                s.go(|| {
                    (0..10).for_each(|_| yield_now());
                    ran.fetch_add(1, Ordering::Relaxed)
                });
                panic!("expected, of the body");
            })
        }));
        let payload = body.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"expected, of the body"));
        assert_eq!(ran.into_inner(), 2);
    });
}

#[test]
fn a_thread_may_open_one() {
    goroutine(|| {
        let thread = std::thread::spawn(|| {
            let mut word = String::from("b");
            scope(|s| {
                s.go(|| word.push('c'));
            });
            word
        });
        assert_eq!(gmp::blocking(|| thread.join().unwrap()), "bc");
    });
}

/// Promise Z15.
#[test]
fn its_context_is_cancelled_by_the_parent_a_panic_and_the_end() {
    goroutine(|| {
        let (parent, cancel) = Context::background().with_value(7_u8).with_cancel();
        let kept = scope_with_context(&parent, |s, context| {
            let waits = s.go(|| context.done().recv());
            assert_eq!((context.value::<u8>(), context.err()), (Some(&7), None));
            s.go(|| cancel.cancel());
            assert!(waits.join().unwrap().is_err());
            context.clone()
        });
        assert_eq!(kept.err(), Some(ContextError::Canceled));

        let failed = catch_unwind(|| {
            scope_with_context(&Context::background(), |s, context| {
                s.go(|| context.done().recv().unwrap_err());
                s.go(|| panic!("expected"));
            });
        });
        assert!(failed.is_err());

        let (tx, rx) = bounded(1);
        scope_with_context(&Context::background(), |_, context| tx.send(context.clone()).unwrap());
        let ended = rx.recv().unwrap();
        assert_eq!(ended.err(), Some(ContextError::Canceled));
        assert!(go(move || ended.done().recv()).join().unwrap().is_err());
    });
}
