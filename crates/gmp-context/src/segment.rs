//! Segments: running a function on a larger stack, so that recursion has no fixed limit.
//!
//! Not a switch: the caller waits below its own stack pointer while the function runs elsewhere, as in any call. So panics
//! pass through, backtraces go on in the old stack, and a runtime that suspends the function suspends the caller with it.
//!
//! ```text
//!   stack            segment              segment
//!  | f        |     | f        |         | f        |
//!  | f        |     | f        |         | f        |
//!  | grow     | --> | f        |         :          :
//!                   | grow     | ------->
//! ```
//!
//! `room.rs` decides when; whoever brings a stack may do without it.

use core::mem::ManuallyDrop;
use core::ops::Range;

use crate::arch;
use crate::memory::StackMemory;
use crate::slab;
use crate::tools;

/// Runs `f` on memory of the caller's and returns what it returns. A panic of `f` goes on in the caller. Neither allocates nor
/// fails.
pub fn grow_on<R>(stack: &impl StackMemory, f: impl FnOnce() -> R) -> R {
    /// What passes through the call: the function on the way in, its value on the way out.
    union Slot<F, R> {
        f: ManuallyDrop<F>,
        value: ManuallyDrop<R>,
    }
    struct Call<F, R>(Slot<F, R>, tools::Elsewhere);
    unsafe extern "C-unwind" fn run<F: FnOnce() -> R, R>(slot: *mut ()) {
        // SAFETY: the caller's slot, which waits for it.
        let Call(slot, elsewhere) = unsafe { &mut *slot.cast::<Call<F, R>>() };
        let _back = elsewhere.begin();
        // SAFETY: the caller put the function there, and this is its only use.
        let f = unsafe { ManuallyDrop::take(&mut slot.f) };
        slot.value = ManuallyDrop::new(f());
    }
    fn runner<F: FnOnce() -> R, R>(_: &F) -> arch::CallOn {
        run::<F, R>
    }
    let call: arch::CallOn = runner(&f);
    tools::reuse(stack.top());
    let elsewhere = tools::call_on(stack.top());
    let mut slot = Call(Slot { f: ManuallyDrop::new(f) }, elsewhere);
    let top = stack.top().as_ptr();
    // SAFETY: the stack is exclusive and borrowed until the call is over; `call` fits the slot. When it unwinds, the
    // function has been moved out, so nothing is left to drop.
    unsafe { arch::gmp_context_call_on((&raw mut slot).cast(), call, top) };
    // SAFETY: the call returned, so it wrote the value.
    ManuallyDrop::into_inner(unsafe { slot.0.value })
}

/// The stack of a pool, a segment included, that `address` lies in. Async-signal-safe. Exact for a stack that is in use;
/// any other may be gone when this returns.
pub fn stack_around(address: usize) -> Option<Range<usize>> {
    slab::find(address).filter(|place| place.limit <= address).map(|place| place.limit..place.top)
}
