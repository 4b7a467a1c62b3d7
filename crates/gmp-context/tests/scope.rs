//! Whether the address sanitizer sees into coroutines and segments: a use after scope is planted in a child process.
//! `cargo xtask san` builds this with it, and sets `ASAN_OPTIONS`; without it nothing could be found.
#![cfg(feature = "sanitizer")]

use std::hint::black_box;
use std::panic::catch_unwind;

use gmp_context::{Coroutine, Resumed, Yielder, grow};

#[path = "support/skip.rs"]
mod skip;
mod support;
use support::{child, stderr};

/// Runs the child, unless there is nothing in this program that could find what it does.
fn plant(test: &str, error: impl FnOnce()) {
    if std::env::var_os("ASAN_OPTIONS").is_some() {
        assert_found(&child(test, error));
    } else {
        skip::skipped("not under the address sanitizer, or ASAN_OPTIONS does not say so");
    }
}

#[inline(never)]
fn use_after_scope() -> u8 {
    let mut leaked = std::ptr::null::<u8>();
    {
        let gone = black_box([7_u8; 64]);
        leaked = black_box(if leaked.is_null() { gone.as_ptr() } else { leaked });
    }
    // SAFETY: none; this is what is to be found.
    unsafe { leaked.read_volatile() }
}

fn assert_found(output: &std::process::Output) {
    let said = stderr(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("AddressSanitizer: stack-use-after-scope"), "{said}");
    assert!(said.contains("use_after_scope"), "{said}");
}

#[test]
fn found_in_a_coroutine() {
    plant("found_in_a_coroutine", || {
        let mut coroutine = Coroutine::new(|y: &Yielder<(), ()>, ()| {
            y.suspend(());
            use_after_scope()
        });
        assert_eq!(coroutine.resume(()), Resumed::Yielded(()));
        coroutine.resume(());
    });
}

#[test]
fn found_in_a_segment() {
    plant("found_in_a_segment", || {
        black_box(grow(1 << 20, use_after_scope));
    });
}

#[test]
fn found_after_a_panic_has_left_a_segment() {
    plant("found_after_a_panic_has_left_a_segment", || {
        let panicked = catch_unwind(|| grow(1 << 20, || std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err());
        black_box(use_after_scope());
    });
}
