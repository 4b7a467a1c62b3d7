//! Overflows and faults that are not a coroutine's Rust code: C code that recurses through the guard, a thread's own stack,
//! and the SIGSEGV handler of a user. In child processes.

use std::arch::global_asm;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use gmp_context::guard::{self, SignalStack};
use gmp_context::{Coroutine, Yielder, grow};

mod support;
use support::{child, stderr};

#[inline(never)]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 32]);
    if frame[31] == usize::MAX { 0 } else { recurse(depth + 1) + frame[depth % 32] }
}

// What a C compiler makes of `void gmp_test_c(void) { char frame[8000]; gmp_test_c(); use(frame); }` without stack clash
// protection: two pages at a time, and nothing touched but the return address.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl gmp_test_c",
    "gmp_test_c:",
    "sub rsp, 8000",
    "call gmp_test_c",
    "add rsp, 8000",
    "ret",
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl gmp_test_c",
    "gmp_test_c:",
    "stp x29, x30, [sp, #-16]!",
    "sub sp, sp, #4000",
    "sub sp, sp, #4000",
    "bl gmp_test_c",
    "add sp, sp, #4000",
    "add sp, sp, #4000",
    "ldp x29, x30, [sp], #16",
    "ret",
);

unsafe extern "C" {
    fn gmp_test_c();
}

fn with_handlers(f: impl FnOnce()) {
    guard::install().expect("handler");
    let _signals = SignalStack::install().expect("alternate stack");
    f();
}

#[test]
fn c_code_that_recurses_through_the_guard_is_reported() {
    let output = child("c_code_that_recurses_through_the_guard_is_reported", || {
        with_handlers(|| {
            // The guard of this size is larger than such a frame.
            let c = |_: &Yielder<(), ()>, ()| {
                // SAFETY: it is to overflow.
                unsafe { gmp_test_c() }
            };
            Coroutine::with_stack_size(1 << 20, c).expect("a stack").resume(());
        });
    });
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("gmp: stack overflow in a coroutine"), "{said}");
    assert!(said.contains("its stack of 1024 KiB"), "{said}");
    assert!(said.contains("give it a larger stack size"), "{said}");
}

#[test]
fn an_overflow_of_a_segment_is_reported() {
    let output = child("an_overflow_of_a_segment_is_reported", || {
        with_handlers(|| {
            black_box(grow(128 << 10, || recurse(0)));
        });
    });
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("its stack of 128 KiB"), "{said}");
}

// The address sanitizer has a message of its own.
#[cfg(not(feature = "sanitizer"))]
#[test]
fn an_overflow_of_a_threads_own_stack_gets_stds_message() {
    let output = child("an_overflow_of_a_threads_own_stack_gets_stds_message", || {
        guard::install().expect("handler");
        let deep = std::thread::Builder::new().name("deep".into());
        let deep = deep.spawn(|| black_box(recurse(0))).expect("a thread");
        let _ = deep.join();
    });
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("thread 'deep'") && said.contains("overflowed its stack"), "{said}");
    assert!(!said.contains("gmp:"), "{said}");
}

/// Leaves by `_exit` with a number that tells whether it was called for the right address.
extern "C" fn handler(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's argument, passed on.
    let info = unsafe { &*info };
    // SAFETY: the field is valid for a fault.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: ends the process.
    unsafe { libc::_exit(if address == 16 { 42 } else { 43 }) };
}

#[test]
fn a_users_handler_gets_the_faults_of_coroutines_that_are_no_overflow() {
    let output =
        child("a_users_handler_gets_the_faults_of_coroutines_that_are_no_overflow", || {
            // SAFETY: zeroes are valid, all fields are set below.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: a handler of the right type.
            unsafe { libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()) };
            with_handlers(|| {
                let fault = |_: &Yielder<(), ()>, ()| {
                    let nowhere = black_box(std::ptr::without_provenance::<u64>(16));
                    // SAFETY: none; it is to fault.
                    black_box(unsafe { nowhere.read_volatile() });
                };
                Coroutine::new(fault).resume(());
            });
        });
    assert_eq!(output.status.code(), Some(42), "{}", stderr(&output));
}
