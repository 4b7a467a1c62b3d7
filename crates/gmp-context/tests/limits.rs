//! Where the system refuses memory there is an error, and nothing that exists is lost. In child processes.
//! Not under the address sanitizer, which itself needs more address space than the limits leave.
#![cfg(not(feature = "sanitizer"))]

use std::io::ErrorKind;

use gmp_context::{Coroutine, Resumed, Stack, StackPool, Yielder};

#[path = "support/skip.rs"]
mod skip;
mod support;
use support::{child, stderr};

const SIZE: usize = 1 << 20;

/// Whether an emulator runs this: the limits would be its own, and it fails in its own way.
fn emulated() -> bool {
    std::env::var_os("GMP_TEST_RUNNER").is_some()
}

fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// Writes to both ends of a stack.
fn touch(stack: &Stack) {
    // SAFETY: the lowest byte of a stack that is ours.
    unsafe { stack.limit().write_volatile(1) };
    let highest = stack.top().as_ptr().wrapping_sub(1);
    // SAFETY: the highest byte of a stack that is ours.
    unsafe { highest.write_volatile(2) };
}

#[test]
fn a_limit_of_address_space_is_an_error_with_its_name() {
    if emulated() {
        return skip::skipped("the limits would be the emulator's");
    }
    let output = child("a_limit_of_address_space_is_an_error_with_its_name", || {
        let pool = StackPool::new();
        limit_address_space(2 << 30);
        let mut stacks = Vec::new();
        let error = loop {
            match pool.reserve(SIZE, 1) {
                Ok(()) => stacks.push(pool.take(SIZE)),
                Err(error) => break error,
            }
            assert!(stacks.len() <= 2048, "they do not fit into the limit");
        };
        assert!(stacks.len() > 512, "only {} of 2 GiB", stacks.len());
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
        stacks.iter().for_each(touch);
        assert_eq!(pool.stats().live, stacks.len());
        assert_eq!(pool.stats().reserved, 0, "what failed reserved nothing");
        // A smaller one may still fit, and one given back can be had again.
        pool.give(stacks.pop().expect("many"));
        stacks.push(pool.take(SIZE));
        stacks.into_iter().for_each(|stack| pool.give(stack));
    });
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_coroutine_that_gets_no_stack_is_an_error() {
    if emulated() {
        return skip::skipped("the limits would be the emulator's");
    }
    let output = child("a_coroutine_that_gets_no_stack_is_an_error", || {
        let mut before = Coroutine::new(|y: &Yielder<u8, u8>, n: u8| y.suspend(n + 1) + 1);
        assert_eq!(before.resume(1), Resumed::Yielded(2));
        limit_address_space(1 << 30);
        let error = Coroutine::<(), (), ()>::with_stack_size(4 << 30, |_, ()| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        let text = error.to_string();
        for name in ["RLIMIT_AS", "vm.overcommit_memory=2", "4194304 KiB"] {
            assert!(text.contains(name), "{text}");
        }
        assert_eq!(before.resume(5), Resumed::Returned(6));
    });
    assert!(output.status.success(), "{}", stderr(&output));
}
