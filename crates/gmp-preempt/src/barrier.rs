//! An asymmetric fence: nothing for the side that runs often, a system call for the side that rarely does.
//!
//! Retaking a processor from a thread that seems to sleep is a store-buffering race: the monitor marks
//! the processor as taken and then looks whether the thread has come back; the thread marks itself as back
//! and then looks whether the processor has been taken. One of them must see the other, or both own it.
//! Usually both sides need a full fence; but the thread comes by at every call into the runtime, the
//! monitor a hundred times a second. Linux's `membarrier` makes every running thread of the process pass
//! a full fence at some point during the call (0.9 µs with two CPUs), so the frequent side needs only to
//! keep the compiler from reordering. Callable from anywhere, handlers included, once [`register`]ed.
//!
//! ```text
//!   often (thread)                seldom (monitor)
//!   store mine                    store mine
//!   light()                       heavy()
//!   load  yours                   load  yours        at least one load sees the other's store
//! ```

use crate::{
    sync::{
        MODEL, Ordering, fence, mutant,
        plain::{AtomicU8, Ordering as PlainOrdering, compiler_fence},
    },
    sys,
};

/// Nothing known yet: both sides take full fences, which is right with either kind of the other.
const UNKNOWN: u8 = 0;
/// The process is registered: `heavy` makes the system call, `light` is free.
const EXPEDITED: u8 = 1;
/// The kernel has no `membarrier` (or a filter forbids it): both sides take full fences.
const FENCES: u8 = 2;

/// Leaves `UNKNOWN` once, for good.
static KIND: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Registers the process with the kernel; returns whether [`light`] is free from now on.
///
/// Idempotent. One or two system calls the first time. Neither blocks nor allocates.
pub fn register() -> bool {
    // Relaxed: both kinds of fence work with either side's knowledge, see `heavy`.
    match KIND.load(PlainOrdering::Relaxed) {
        UNKNOWN => {
            let kind = if sys::membarrier_register() { EXPEDITED } else { FENCES };
            // Relaxed: as above; two threads that register at once find the same.
            KIND.store(kind, PlainOrdering::Relaxed);
            kind == EXPEDITED
        }
        kind => kind == EXPEDITED,
    }
}

/// Makes every running thread of the process pass a full fence; false when the kernel cannot, and nothing has
/// happened. For protocols whose frequent side has a compiler fence and no other: they need the true. Neither blocks
/// nor allocates; async-signal-safe.
pub fn everywhere() -> bool {
    let can = register();
    if can {
        heavy();
    }
    can
}

/// The frequent side's fence: a compiler fence where the kernel helps, else a full one.
#[inline]
pub fn light() {
    // Relaxed: whichever kind is seen pairs with every kind of `heavy` that can run meanwhile.
    if KIND.load(PlainOrdering::Relaxed) == EXPEDITED {
        // Compiler fence: pairs with the system call in `heavy`.
        compiler_fence(PlainOrdering::SeqCst);
    } else if !mutant("preempt_barrier_light") {
        // SeqCst fence: pairs with the fence or the system call in `heavy`. Mutant: orders nothing.
        fence(Ordering::SeqCst);
    }
}

/// The rare side's fence: a full fence, which every other thread of the process takes part in.
///
/// Registers the process if nobody has. Neither blocks nor allocates; async-signal-safe.
pub fn heavy() {
    if !mutant("preempt_barrier_heavy") {
        // SeqCst fence: pairs with the one in `light`, on threads that do not know the kind yet. Mutant: orders nothing.
        fence(Ordering::SeqCst);
    }
    if MODEL {
        return; // a model has no kernel: both sides are full fences there
    }
    // A thread in `light` that knows EXPEDITED knows it from `register`, so this thread, which runs
    // `register` itself, cannot find anything else: no free `light` meets a `heavy` without the call.
    if register() {
        sys::membarrier();
        // SeqCst fence: pairs with the free `light`; this thread's own part of the system call, which
        // the compiler cannot see.
        fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
#[path = "barrier_tests.rs"]
mod tests;
