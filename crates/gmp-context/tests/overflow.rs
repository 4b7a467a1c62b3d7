//! Stack overflow, in child processes: it is reported with a name and ends the process by SIGABRT; foreign faults go to
//! the handler that was there before.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use gmp_context::guard::{self, SignalStack};
use gmp_context::{Coroutine, Yielder};

mod support;
use support::{child, stderr};

#[inline(never)]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 32]);
    if frame[31] == usize::MAX { 0 } else { recurse(depth + 1) + frame[depth % 32] }
}

/// Overflows a coroutine's stack, with the handler and an alternate stack in place.
fn overflow() {
    guard::install().expect("handler");
    let _signals = SignalStack::install().expect("alternate stack");
    let mut deep = Coroutine::new(|_: &Yielder<(), ()>, ()| recurse(0));
    deep.resume(());
}

#[test]
fn overflow_is_reported_and_aborts() {
    let output = child("overflow_is_reported_and_aborts", overflow);
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("gmp: stack overflow in a coroutine"), "{said}");
    let size = format!("its stack of {} KiB", gmp_context::default_stack_size() >> 10);
    assert!(said.contains(&size), "{said}");
}

#[test]
fn the_report_names_who_it_was() {
    let output = child("the_report_names_who_it_was", || {
        guard::set_describe(|fault, out| {
            out(b"goroutine 7 (deep thought)");
            out(if fault == 0 { b" nowhere" } else { b" somewhere" });
        });
        overflow();
    });
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("stack overflow in goroutine 7 (deep thought) somewhere"), "{said}");
}

/// A handler without `SA_ONSTACK`: its frame goes to the interrupted stack.
extern "C" fn ignore(_: libc::c_int) {}

#[test]
fn a_signal_frame_that_does_not_fit_is_an_overflow() {
    let output = child("a_signal_frame_that_does_not_fit_is_an_overflow", || {
        // SAFETY: an empty handler.
        unsafe { libc::signal(libc::SIGUSR1, ignore as *const () as usize) };
        guard::install().expect("handler");
        let _signals = SignalStack::install().expect("alternate stack");
        #[inline(never)]
        fn down_to_the_limit(floor: usize) {
            let frame = black_box([0_u8; 64]);
            // Less than any signal frame takes.
            if frame.as_ptr().addr() > floor + 448 {
                down_to_the_limit(floor);
            } else {
                signal_self();
            }
            black_box(frame);
        }
        Coroutine::with_stack_size(1 << 16, |_: &Yielder<(), ()>, ()| {
            let here = 0_u8;
            // The stack is 64 KiB, and this is its first page.
            let top = (&raw const here).addr().next_multiple_of(4096);
            down_to_the_limit(top - (1 << 16));
        })
        .expect("stack")
        .resume(());
    });
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("stack overflow"), "{said}");
}

/// Sends SIGUSR1 to this thread with little stack of its own.
#[inline(never)]
fn signal_self() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: tgkill of ourselves; its handler does nothing.
    unsafe {
        std::arch::asm!(
            "mov eax, 39", "syscall", "mov edi, eax", // getpid
            "mov eax, 186", "syscall", "mov esi, eax", // gettid
            "mov edx, 10", "mov eax, 234", "syscall", // tgkill(pid, tid, SIGUSR1)
            out("rax") _, out("rcx") _, out("r11") _, out("rdi") _, out("rsi") _, out("rdx") _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "mov x8, #172", "svc #0", "mov x9, x0",
            "mov x8, #178", "svc #0", "mov x1, x0",
            "mov x0, x9", "mov x2, #10", "mov x8, #131", "svc #0",
            out("x0") _, out("x1") _, out("x2") _, out("x8") _, out("x9") _,
        );
    }
}

#[test]
fn foreign_faults_reach_the_previous_handler() {
    extern "C" fn previous(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel's argument, passed on.
        let info = unsafe { &*info };
        // SAFETY: the field is valid for a fault.
        let right = unsafe { info.si_addr() }.addr() == 8;
        // SAFETY: ends the process.
        unsafe { libc::_exit(if right { 42 } else { 43 }) };
    }
    let output = child("foreign_faults_reach_the_previous_handler", || {
        // SAFETY: zeroes are valid, all fields are set below.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = previous as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: a handler of the right type.
        unsafe { libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()) };
        guard::install().expect("handler");
        fault();
    });
    assert_eq!(output.status.code(), Some(42), "{}", stderr(&output));
}

#[test]
fn without_a_previous_handler_the_default_follows() {
    let output = child("without_a_previous_handler_the_default_follows", || {
        // SAFETY: no handler.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        guard::install().expect("handler");
        fault();
    });
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
}

/// Reads from an address that is nobody's.
fn fault() {
    let nowhere = black_box(std::ptr::without_provenance::<u64>(8));
    // SAFETY: none; it is to fault, in a child process.
    black_box(unsafe { nowhere.read_volatile() });
}
