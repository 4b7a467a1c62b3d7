//! A walk along frame pointers, as `perf record --call-graph fp` does it, sees every frame that has one and ends at the
//! entry: before and after the execution went on on another thread.

use std::arch::global_asm;
use std::ptr::null_mut;

use gmp_context::{Commit, Context, StackPool, no_commit, prepare, switch};

// Three functions that keep frame pointers, whatever the compiler does: the entry, one between, and one that calls `walk`
// with its frame pointer and the word.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl gmp_test_outer",
    "gmp_test_outer:",
    "push rbp",
    "mov rbp, rsp",
    "call gmp_test_middle",
    "ud2",
    "gmp_test_middle:",
    "push rbp",
    "mov rbp, rsp",
    "call gmp_test_inner",
    "ud2",
    "gmp_test_inner:",
    "push rbp",
    "mov rbp, rsp",
    "mov rsi, rcx",
    "mov rdx, rdi",
    "mov rdi, rbp",
    "call {walk_twice}",
    "ud2",
    walk_twice = sym walk_twice,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl gmp_test_outer",
    "gmp_test_outer:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "bl gmp_test_middle",
    "brk #1",
    "gmp_test_middle:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "bl gmp_test_inner",
    "brk #1",
    "gmp_test_inner:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "mov x1, x3",
    "mov x2, x0",
    "mov x0, x29",
    "bl {walk_twice}",
    "brk #1",
    walk_twice = sym walk_twice,
);

unsafe extern "C" {
    fn gmp_test_outer(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> !;
}

/// What the two sides share.
#[derive(Default)]
struct Shared {
    /// How many frames each walk saw.
    frames: Vec<usize>,
    suspended: Option<Context>,
}

/// Frames from `frame` to the null that ends the chain.
fn walk(mut frame: *const usize, limit: usize, top: usize) -> usize {
    let mut frames = 0;
    while !frame.is_null() {
        assert!((limit..top).contains(&frame.addr()), "frame {frames} lies elsewhere");
        frames += 1;
        // SAFETY: on the stack that is walked, where each frame begins with the one before.
        frame = std::ptr::with_exposed_provenance(unsafe { *frame });
    }
    frames
}

/// Keeps the leaver in the `Shared` at `arg`.
unsafe extern "C" fn keep(leaving: Context, arg: *mut ()) {
    // SAFETY: only this file's switch passes it, with such an address.
    unsafe { (*arg.cast::<Shared>()).suspended = Some(leaving) };
}

/// Walks, suspends, and walks again when resumed, perhaps by another thread; its new owner is in the word.
unsafe extern "C" fn walk_twice(frame: *const usize, shared: *mut Shared, owner: Context) -> ! {
    let top = frame.addr().next_multiple_of(4096);
    let see = || walk(frame, top - 4096, top);
    // SAFETY: the owner waits.
    unsafe { (*shared).frames.push(see()) };
    // SAFETY: the owner waits, and we are resumed once; `keep` suits what it gets.
    let word = unsafe { switch(owner, keep, shared.cast(), null_mut()) };
    // SAFETY: the owner waits.
    unsafe { (*shared).frames.push(see()) };
    // SAFETY: the place where the new owner's commit has put it.
    let Some(owner) = (unsafe { (*word.cast::<Shared>()).suspended.take() }) else {
        std::process::abort()
    };
    // SAFETY: the new owner waits; we are never resumed.
    unsafe { switch(owner, no_commit, null_mut(), null_mut()) };
    unreachable!("nobody has our context");
}

#[test]
fn they_end_at_the_entry_on_every_thread() {
    static POOL: StackPool = StackPool::new();
    POOL.reserve(1 << 16, 1).expect("address space");
    let stack = POOL.take(1 << 16);
    let mut shared = Shared::default();
    let at = &raw mut shared;
    // SAFETY: a fresh stack.
    let fresh = unsafe { prepare(stack.top(), gmp_test_outer) };
    // SAFETY: fresh, used once; the word is what the entry passes on.
    unsafe { switch(fresh, no_commit, null_mut(), at.cast()) };
    let suspended = shared.suspended.take().expect("it is suspended");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut here = Shared::default();
            let here = &raw mut here;
            // SAFETY: suspended, used once; it finds us where `keep` puts us.
            unsafe { switch(suspended, keep, here.cast(), here.cast()) };
        });
    });
    assert_eq!(shared.frames, [3, 3]);
    POOL.give(stack);
}
