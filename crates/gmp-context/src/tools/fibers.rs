//! The thread sanitizer's fibers: a clock and a shadow call stack for each execution.
//!
//! Whoever switches to an execution has nothing of it but its stack pointer, so its fiber is found there: in the word *below*
//! it. While an execution is suspended that word is nobody's, and no signal is delivered on a stack that no thread is on.
//!
//! ```text
//!   high | frames of a suspended execution
//!   SP -> | what `switch` or `prepare` put there
//!        | its fiber
//! ```
//!
//! A leaver knows its fiber, but not yet where it will be suspended; who arrives knows that, but not whose fiber it was. So
//! the leaver's fiber waits in a thread-local from one to the other: both are on the same thread, and nothing is between them.
//!
//! A switch is an edge from the leaver to who goes on, as a switch of a thread's own is. So what a scheduler passes along with
//! it is ordered, and races between two executions are found if they ran on two threads, or in two that never met.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

use super::weak::sanitizers;
use crate::context::Context;

thread_local! {
    /// Whose fiber this thread has just left.
    static LEFT: Cell<Left> = const { Cell::new(Left { fiber: ptr::null_mut(), for_good: false }) };
}

#[derive(Clone, Copy)]
struct Left {
    fiber: *mut c_void,
    for_good: bool,
}

/// Where the fiber of a suspended execution is.
fn place(context: Context) -> *mut *mut c_void {
    context.as_ptr().cast::<*mut c_void>().wrapping_sub(1)
}

/// Gives a fresh execution its fiber.
pub(super) fn create(context: Context) {
    let Some(create) = sanitizers().create_fiber else { return };
    // SAFETY: no preconditions.
    let fiber = unsafe { create(0) };
    // SAFETY: below a fresh execution's stack pointer there is its empty stack.
    unsafe { place(context).write(fiber) };
}

/// From here on `target` runs, as far as the sanitizer can tell. The next thing that the caller does is the switch.
#[inline(always)] // as nothing may return after the change that was called before it
pub(super) fn change(target: Context, for_good: bool) {
    if let Some(switch) = sanitizers().switch_fiber {
        let fiber = depart(target, for_good);
        // SAFETY: a fiber that is not running, as its execution is suspended.
        unsafe { switch(fiber, 0) };
    }
}

/// Notes who leaves, and finds the fiber of who will go on.
#[inline(never)] // the address of a thread-local must not be kept over the switch
fn depart(target: Context, for_good: bool) -> *mut c_void {
    // SAFETY: no preconditions.
    let fiber = sanitizers().current_fiber.map_or(ptr::null_mut(), |current| unsafe { current() });
    LEFT.with(|left| left.set(Left { fiber, for_good }));
    // SAFETY: the target is suspended, so that word is its fiber: `create` or `settle` put it there.
    unsafe { place(target).read() }
}

/// Puts the fiber of who left where the next one to resume it looks, or ends it.
#[inline(never)] // as `depart`
pub(super) fn settle(leaving: Context) {
    let Some(destroy) = sanitizers().destroy_fiber else { return };
    let Left { fiber, for_good } = LEFT.with(Cell::get);
    if for_good {
        // SAFETY: its execution has ended and never runs again.
        unsafe { destroy(fiber) };
    } else {
        // SAFETY: below the stack pointer of an execution that has just been suspended, whose commit has not run.
        unsafe { place(leaving).write(fiber) };
    }
}
