//! A backtrace taken on a context's stack ends at its entry, neither in garbage nor on the stack that resumed it.

use std::arch::global_asm;
use std::backtrace::Backtrace;
use std::ptr::null_mut;

use gmp_context::{
    Commit, Context, Coroutine, Resumed, StackPool, Yielder, default_stack_size, no_commit,
    prepare, switch,
};

#[inline(never)]
fn gmp_test_innermost(y: &Yielder<(), String>, (): ()) {
    y.suspend(Backtrace::force_capture().to_string());
}

#[inline(never)]
fn gmp_test_resumer() -> String {
    let mut coroutine = Coroutine::new(gmp_test_innermost);
    match coroutine.resume(()) {
        Resumed::Yielded(trace) => trace,
        Resumed::Returned(()) => unreachable!("it suspends first"),
    }
}

#[test]
fn it_ends_at_the_entry() {
    let trace = gmp_test_resumer();
    let position = |name: &str| trace.find(name);
    let innermost = position("gmp_test_innermost").unwrap_or_else(|| panic!("{trace}"));
    let outermost = position("gmp_context_start").unwrap_or_else(|| panic!("{trace}"));
    assert!(innermost < outermost, "{trace}");
    assert_eq!(position("gmp_test_resumer"), None, "{trace}");
    let numbered = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let last = trace.lines().rfind(numbered).expect("frames");
    assert!(last.contains("gmp_context_start"), "{trace}");
}

// An entry that notes the frame pointer it is entered with where the word points, then goes on in Rust.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl gmp_test_entry",
    "gmp_test_entry:",
    "mov [rcx], rbp",
    "jmp {leave}",
    leave = sym leave,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl gmp_test_entry",
    "gmp_test_entry:",
    "str x29, [x3]",
    "b {leave}",
    leave = sym leave,
);

unsafe extern "C" {
    fn gmp_test_entry(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> !;
}

unsafe extern "C" fn leave(leaving: Context, _: Commit, _: *mut (), _: *mut ()) -> ! {
    // SAFETY: the leaver waits; we are never resumed.
    unsafe { switch(leaving, no_commit, null_mut(), null_mut()) };
    unreachable!("nobody has our context");
}

#[test]
fn the_chain_of_frame_pointers_ends_there_too() {
    static POOL: StackPool = StackPool::new();
    POOL.reserve(1 << 16, 1).expect("address space");
    let stack = POOL.take(1 << 16);
    let mut frame_pointer = usize::MAX;
    // SAFETY: a fresh stack.
    let fresh = unsafe { prepare(stack.top(), gmp_test_entry) };
    // SAFETY: fresh, used once; the word is what the entry expects.
    unsafe { switch(fresh, no_commit, null_mut(), (&raw mut frame_pointer).cast()) };
    assert_eq!(frame_pointer, 0);
    POOL.give(stack);
}

/// Suspends at once, its context where the word points; resumed, on whatever thread, fulfils a request.
unsafe extern "C" fn trace(leaving: Context, _: Commit, _: *mut (), slot: *mut ()) -> ! {
    // SAFETY: the leaver waits; `slot` is what `keep` expects. We are resumed once more.
    let word = unsafe { switch(leaving, keep, slot, null_mut()) };
    let (text, back) = {
        // SAFETY: the second resumer passes the address of its request, and waits.
        let request = unsafe { &mut *word.cast::<Request>() };
        (&mut request.text, &mut request.back)
    };
    *text = Backtrace::force_capture().to_string();
    let back = back.take().expect("the resumer's commit has kept it");
    // SAFETY: the leaver waits; we are never resumed.
    unsafe { switch(back, no_commit, null_mut(), null_mut()) };
    unreachable!("nobody has our context");
}

struct Request {
    text: String,
    back: Option<Context>,
}

/// Keeps the leaver in the `Option<Context>` that `slot` points to.
unsafe extern "C" fn keep(leaving: Context, slot: *mut ()) {
    // SAFETY: each switch that commits by this passes such an address.
    unsafe { slot.cast::<Option<Context>>().write(Some(leaving)) };
}

#[test]
fn it_ends_there_too_when_another_thread_resumes() {
    static POOL: StackPool = StackPool::new();
    POOL.reserve(default_stack_size(), 1).expect("address space");
    let stack = POOL.take(default_stack_size());
    // SAFETY: a fresh stack.
    let fresh = unsafe { prepare(stack.top(), trace) };
    let mut suspended = None::<Context>;
    // SAFETY: fresh, used once; the word is what `trace` expects.
    unsafe { switch(fresh, no_commit, null_mut(), (&raw mut suspended).cast()) };
    let target = suspended.expect("it is suspended");
    let gmp_test_other_thread = move || {
        let mut request = Request { text: String::new(), back: None };
        let (back, word) = (&raw mut request.back, &raw mut request);
        // SAFETY: suspended, used once; it holds no thread-local.
        unsafe { switch(target, keep, back.cast(), word.cast()) };
        request.text
    };
    let trace = std::thread::spawn(gmp_test_other_thread).join().expect("no panic");
    let numbered = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let last = trace.lines().rfind(numbered).expect("frames");
    assert!(last.contains("gmp_context_start"), "{trace}");
    assert!(!trace.contains("gmp_test_other_thread"), "{trace}");
    POOL.give(stack);
}
