//! Unwinding a dropped coroutine where that cannot be done ends the process, as any panic there would; and what it is not:
//! a panic that the hook is told of. In child processes.

use std::os::unix::process::ExitStatusExt;
use std::panic::{resume_unwind, set_hook};
use std::process::Output;

use gmp_context::{Coroutine, Resumed, Yielder};

mod support;
use support::{child, stderr};

fn assert_aborted(output: &Output, why: &str) {
    let said = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains(why), "{said}");
}

/// Runs its closure when it is dropped.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Drops a coroutine that is suspended in `body`.
fn drop_within<F: FnOnce(&Yielder<(), ()>) + 'static>(body: F) {
    let mut suspended = Coroutine::new(move |y: &Yielder<(), ()>, ()| body(y));
    assert_eq!(suspended.resume(()), Resumed::Yielded(()));
    drop(suspended);
}

#[test]
fn frames_that_cannot_unwind() {
    extern "C" fn calls_back(callback: &&dyn Fn()) {
        callback();
    }
    let output = child("frames_that_cannot_unwind", || {
        drop_within(|y| {
            let callback: &dyn Fn() = &|| y.suspend(());
            calls_back(&callback);
        });
    });
    assert_aborted(&output, "cannot unwind");
}

#[test]
fn a_destructor_that_panics_meanwhile() {
    let output = child("a_destructor_that_panics_meanwhile", || {
        drop_within(|y| {
            let _bomb = AtEnd(|| panic!("bomb"));
            y.suspend(());
        });
    });
    assert_aborted(&output, "panic in a destructor during cleanup");
}

#[test]
fn a_destructor_that_is_suspended_because_of_a_panic() {
    let output = child("a_destructor_that_is_suspended_because_of_a_panic", || {
        drop_within(|y| {
            let _suspends = AtEnd(|| y.suspend(()));
            resume_unwind(Box::new("first"));
        });
    });
    assert_aborted(&output, "panic in a destructor during cleanup");
}

#[test]
fn no_hook_is_told_of_the_unwind() {
    let output = child("no_hook_is_told_of_the_unwind", || {
        set_hook(Box::new(|_| std::process::exit(7)));
        drop_within(|y| y.suspend(()));
    });
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
