//! Where a goroutine stands whose thread does not run it on: stopped in the signal handler, or in a blocking section.
//!
//! A dump walks the stack of such a goroutine while its thread may go on at any moment. So the registers stand behind a
//! count that changes when they begin and when they cease to hold:
//!
//! - **H1** the thread writes the registers, then makes the count odd.
//! - **H2** whoever lets it go on makes the count even, then a fence, before the thread writes its stack again.
//! - **H3** the reader takes the count, which must be odd, then the registers, then a copy of the stack.
//! - **H4** the reader, behind a fence, looks at the count again: unchanged says that the copy was of a stack at rest.
//!
//! What the reader copies meanwhile is read by the kernel (`sys::peek`), so it may be overwritten or even unmapped.

use gmp_context::Frame;

use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence, mutant};

/// Registers from which a stack is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Where the code is.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer's register.
    pub fp: usize,
    /// The link register; 0 where there is none.
    pub lr: usize,
}

impl Registers {
    /// Where the caller is.
    #[inline(always)]
    pub fn here() -> Registers {
        let Frame { pc, sp, fp } = Frame::here();
        Registers { pc, sp, fp, lr: 0 }
    }
}

/// The registers of a thread at rest, and since when: one per M.
#[derive(Debug)]
pub(crate) struct Halted {
    count: AtomicU32,
    registers: [AtomicUsize; 4],
}

/// Which rest it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest(u32);

impl Halted {
    /// Not at rest.
    pub(crate) fn new() -> Halted {
        Halted { count: AtomicU32::new(0), registers: [0, 0, 0, 0].map(AtomicUsize::new) }
    }

    /// H1, by the thread, in a critical section or in the handler. False if it rests already, further out.
    #[inline]
    pub(crate) fn begin(&self, at: &Registers) -> bool {
        // Relaxed: this thread's own, until it rests.
        let count = self.count.load(Ordering::Relaxed);
        if count % 2 == 1 {
            return false;
        }
        let Registers { pc, sp, fp, lr } = *at;
        for (place, value) in self.registers.iter().zip([pc, sp, fp, lr]) {
            place.store(value, Ordering::Relaxed); // Relaxed: published by the count.
        }
        let order =
            if mutant("halted_begin_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release (H1): pairs with Acquire in `read`; the registers and the stack that they point to.
        self.count.store(count.wrapping_add(1), order);
        true
    }

    /// H2, by the thread or whoever lets it go on; nothing if it does not rest.
    #[inline]
    pub(crate) fn end(&self) {
        // Relaxed: written by one at a time, handed on with the thread.
        let count = self.count.load(Ordering::Relaxed);
        if count % 2 == 1 {
            self.count.store(count.wrapping_add(1), Ordering::Relaxed); // Relaxed: the fence.
        }
        if !mutant("halted_end_unfenced") {
            // Release fence (H2): pairs with the Acquire fence in `still`: who sees what is written to the stack from here
            // on sees the count, too.
            fence(Ordering::Release);
        }
    }

    /// H3.
    pub(crate) fn read(&self) -> Option<(Registers, Rest)> {
        // Acquire: pairs with Release in `begin`.
        let count = self.count.load(Ordering::Acquire);
        // Relaxed: of this rest, if `still` says so.
        let [pc, sp, fp, lr] = [0, 1, 2, 3].map(|i| self.registers[i].load(Ordering::Relaxed));
        (count % 2 == 1).then_some((Registers { pc, sp, fp, lr }, Rest(count)))
    }

    /// H4: whether it has been at rest ever since `read`.
    pub(crate) fn still(&self, rest: Rest) -> bool {
        if mutant("halted_no_recheck") {
            return true;
        }
        // Acquire fence (H4): pairs with the Release fence in `end`.
        fence(Ordering::Acquire);
        self.count.load(Ordering::Relaxed) == rest.0 // Relaxed: the fence.
    }
}

#[cfg(test)]
#[path = "halted_tests.rs"]
mod tests;
