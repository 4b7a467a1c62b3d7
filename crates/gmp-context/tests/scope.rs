//! Whether the address sanitizer sees into coroutines and segments: a use after scope is planted in a child process. Without
//! the sanitizer there is nothing that could find it; `cargo xtask san` builds this with it.
#![cfg(feature = "sanitizer")]

use std::hint::black_box;
use std::panic::catch_unwind;

use gmp_context::{Coroutine, Resumed, Yielder, grow};

mod support;
use support::{child, stderr};

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
    assert_found(&child("found_in_a_coroutine", || {
        let mut coroutine = Coroutine::new(|y: &Yielder<(), ()>, ()| {
            y.suspend(());
            use_after_scope()
        });
        assert_eq!(coroutine.resume(()), Resumed::Yielded(()));
        coroutine.resume(());
    }));
}

#[test]
fn found_in_a_segment() {
    assert_found(&child("found_in_a_segment", || {
        black_box(grow(1 << 20, use_after_scope));
    }));
}

#[test]
fn found_after_a_panic_has_left_a_segment() {
    assert_found(&child("found_after_a_panic_has_left_a_segment", || {
        let panicked = catch_unwind(|| grow(1 << 20, || std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err());
        black_box(use_after_scope());
    }));
}
