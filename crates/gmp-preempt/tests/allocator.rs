//! Nothing allocates in the handler: the global allocator aborts when it runs on a signal stack.

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    mem::MaybeUninit,
};

use common::{Hog, in_child};

struct Checked;

/// Whether the caller runs on its signal stack; the kernel knows.
fn in_handler() -> bool {
    let mut stack = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: only asks.
    unsafe { libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()) };
    // SAFETY: filled by the call, which cannot fail.
    unsafe { stack.assume_init() }.ss_flags & libc::SS_ONSTACK != 0
}

fn check() {
    if in_handler() {
        let text = b"allocation in a signal handler\n";
        // SAFETY: a buffer and its length.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        std::process::abort();
    }
}

// SAFETY: the system's allocator, with a check before.
unsafe impl GlobalAlloc for Checked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        check();
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Checked = Checked;

/// A hog that allocates all the time is stopped inside malloc as often as not.
#[test]
fn the_handler_does_not_allocate() {
    in_child("the_handler_does_not_allocate", || {
        let hog = Hog::start(|round| {
            let words: Vec<String> = (0..20).map(|word| format!("{word}-{round}")).collect();
            assert_eq!(words.concat().len(), 20 * (1 + round.to_string().len()) + 30);
        });
        hog.stop_and_go(300);
        hog.finish();
    });
}

/// The check can fail: an `on_stop` that allocates, in the handler, aborts the process.
#[test]
fn the_check_can_fail() {
    unsafe fn allocate(_: *const ()) -> bool {
        drop(std::hint::black_box(Box::new(1)));
        false
    }
    let result = std::panic::catch_unwind(|| {
        in_child("the_check_can_fail", || {
            let hog = Hog::with(allocate, |_| std::hint::spin_loop());
            hog.target.request().unwrap();
            common::wait_for("the abort", || false);
        });
    });
    assert_eq!(result.is_err(), std::env::var_os("GMP_PREEMPT_CHILD").is_none());
}
