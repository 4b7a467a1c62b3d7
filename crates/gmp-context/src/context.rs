//! Context: a suspended execution, and the switch from one to the next.
//!
//! This is the raw layer, for authors of runtimes: symmetric (any execution continues any other), without ownership, and
//! `unsafe` throughout. `coroutine.rs` builds the safe, asymmetric form on the same instructions.
//!
//! The one idea beyond moving registers is the *commit*. Whoever suspends itself usually owes something that it cannot
//! do while it still runs, since from then on another thread may resume it: release the lock of the wait queue it stands
//! in, push itself on a run queue, free the stack it stood on. So it passes that duty along as a function and an
//! argument, and the successor does it first of all, on its own stack, when the leaving side is wholly saved:
//!
//! ```text
//!   A                                    B
//!   switch(B, commit, arg, word)
//!     saves itself  ------------------>  resumes in its own `switch`
//!                                        commit(A, arg)      A may be resumed from here on
//!                                        returns word
//! ```

use core::ptr::NonNull;

use crate::fatal::fatal;
use crate::{arch, tools};

/// A suspended execution: the stack pointer under which everything it needs has been saved.
///
/// Plain data, without ownership: copying it copies the right to resume, and only one copy may be used.
/// `Option<Context>` is one word.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context(NonNull<u8>);

/// The innermost frame of a suspended execution, as an unwinder wants it: what the registers will hold when it goes on.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The address at which it goes on.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer register, whatever the code uses it for.
    pub fp: usize,
}

impl Frame {
    /// Where the caller is. Good for as long as it has not returned.
    #[inline(always)]
    pub fn here() -> Frame {
        arch::here()
    }
}

// SAFETY: a `Context` is an address; using it is `unsafe` and states what must hold, on whatever thread.
unsafe impl Send for Context {}
// SAFETY: as above; there is nothing to change through a shared reference.
unsafe impl Sync for Context {}

impl Context {
    /// The saved stack pointer.
    #[inline]
    pub fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The context whose [`as_ptr`](Context::as_ptr) this is.
    ///
    /// # Safety
    /// `sp` comes from `as_ptr` of a context that has not been continued since.
    #[inline]
    pub unsafe fn from_ptr(sp: NonNull<u8>) -> Context {
        Context(sp)
    }

    /// Where the execution will go on, and the registers from which an unwinder finds its callers.
    ///
    /// # Safety
    /// The execution is suspended, and stays so during the call.
    pub unsafe fn frame(self) -> Frame {
        // SAFETY: suspended — the caller's promise.
        unsafe { arch::frame(self) }
    }

    #[inline]
    pub(crate) fn from_raw(sp: NonNull<u8>) -> Context {
        Context(sp)
    }
}

/// Asks the CPU to bring the cache line of `address` near, before somebody needs it: the frame under a [`Context`] that
/// will be resumed soon, say. A hint: any address is fine, and nothing else happens.
#[inline]
pub fn prefetch(address: *const u8) {
    arch::prefetch(address);
}

/// What the leaving side of a [`switch`] still owes; called with the saved leaver and the `arg` given to `switch`.
///
/// Runs on the successor's stack, once the leaving side is wholly saved, before anything else of the successor. It must
/// not unwind (it would abort) and should be short: it is between two executions.
pub type Commit = unsafe extern "C" fn(leaving: Context, arg: *mut ());

/// First function of a new execution. Gets what [`switch`] was given and must call `commit(leaving, arg)` first.
///
/// It never returns (there is nothing above it) and must not let a panic out: an unwinding `extern "C"` function aborts.
pub type Entry =
    unsafe extern "C" fn(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> !;

/// Saves the caller and continues `target`; the far side first runs `commit(leaving, arg)`. Returns the `word` of whoever
/// switches back.
///
/// Inlined with its assembly: the compiler saves only what is live at the call. The caller may come back on another
/// thread if whoever resumes it runs there.
///
/// # Safety
/// - `target` is suspended (from [`prepare`] or handed to a commit) and no other copy of it is used again.
/// - The stacks of both sides stay mapped while they are suspended or running.
/// - The leaving context that `commit` gets is resumed at most once, and `commit` may be called with it and `arg`.
/// - No reference to a thread-local is held over the call if the caller may be resumed on another thread.
/// - Nothing suspended is forgotten while somebody still relies on its destructors (borrowed data on its stack).
#[inline(always)]
pub unsafe fn switch(target: Context, commit: Commit, arg: *mut (), word: *mut ()) -> *mut () {
    let departure = tools::leave(target);
    // SAFETY: `target` is suspended and used once; both stacks stay — the caller's promise.
    let arrival = unsafe { arch::switch(target, commit, arg, word) };
    tools::arrive(&departure, arrival.leaving);
    // SAFETY: the commit of whoever resumed us, with what it asked for; it is saved by now.
    unsafe { (arrival.commit)(arrival.leaving, arrival.arg) };
    arrival.word
}

/// As [`switch`], for the last time: nobody comes back, so the commit may free the stack that is left.
///
/// An execution may as well end by a `switch` that nobody answers. The sanitizers are told of this one, and keep nothing of
/// the execution.
///
/// # Safety
/// As [`switch`]; the caller is an execution that [`prepare`] made, and the leaving context that `commit` gets is never
/// resumed.
#[inline(always)]
pub unsafe fn leave(target: Context, commit: Commit, arg: *mut (), word: *mut ()) -> ! {
    tools::leave_for_good(target);
    // SAFETY: `target` is suspended and used once; its stack stays — the caller's promise.
    unsafe { arch::switch(target, commit, arg, word) };
    fatal("an execution was resumed after its end")
}

/// Prepares the stack whose top is `top` so that the first [`switch`] to the result enters `entry`.
///
/// Unwinders and frame pointer walkers end there: the caller of `entry` is marked as the outermost frame. Uses the
/// few words below `top` and touches nothing else.
///
/// # Safety
/// `top` is 16-aligned, and the memory below it is writable, unused, large enough for `entry` and all it calls, and stays
/// so until that execution has ended.
pub unsafe fn prepare(top: NonNull<u8>, entry: Entry) -> Context {
    debug_assert!(top.addr().get() % 16 == 0, "gmp: top of stack is not 16-aligned");
    tools::reuse(top);
    let (top, entry) = tools::fresh(top, entry);
    // SAFETY: 16-aligned and writable below — the caller's promise.
    let context = unsafe { arch::prepare(top, entry) };
    tools::prepared(context);
    context
}

/// A [`Commit`] for who owes nothing.
///
/// # Safety
/// None; `unsafe` only to have the type of a commit.
pub unsafe extern "C" fn no_commit(_leaving: Context, _arg: *mut ()) {}

/// Whether the calling thread has a hardware shadow stack (CET SHSTK), under which a switch would fault at the next `ret`.
///
/// A runtime checks it once per thread and refuses to start; [`crate::Coroutine`] does. False where there is none.
pub fn shadow_stack_active() -> bool {
    arch::shadow_stack_active()
}
