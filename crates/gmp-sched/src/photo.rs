//! A photograph of a running goroutine's stack, taken by its own thread in the signal handler.
//!
//! Nobody else can read the stack of a goroutine that runs. So a dump asks the thread, by the signal that preempts, to
//! copy what lies between its stack pointer and the end of its stack onto a *sheet*:
//!
//! ```text
//!   photographer              the thread's slot               the thread, in its handler
//!   F1 blank ─── offer ─────▶ sheet
//!      signal                 null ◀──── take ─────────── F2
//!                                                         F3 copies; state: taken or refused
//!   F4 looks at the state, now and then
//!   F5 patience is over: withdraw; if the slot is empty the thread has the sheet: waits on, it copies right now
//! ```
//!
//! The thread refuses when it is in the scheduler. In a critical section the signal is put off to its end, as always.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr;

use crate::sync::{AtomicPtr, AtomicU32, Ordering, mutant};

const BLANK: u32 = 0;
const TAKEN: u32 = 1;
const REFUSED: u32 = 2;

/// What is written by one thread and read by another.
pub(crate) struct Sheet<T> {
    state: AtomicU32,
    content: UnsafeCell<T>,
}

// SAFETY: the content is the photographer's but from F2 to F3, when it is the thread's.
unsafe impl<T: Send> Sync for Sheet<T> {}

impl<T> fmt::Debug for Sheet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What became of a sheet.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Blank,
    /// It shows the thread's stack.
    Taken,
    /// The thread was where it runs no goroutine.
    Refused,
}

impl<T> Sheet<T> {
    /// A blank one.
    pub(crate) fn new(content: T) -> Sheet<T> {
        Sheet { state: AtomicU32::new(BLANK), content: UnsafeCell::new(content) }
    }

    /// F3, by the thread that has taken it out of the slot: writes it, unless `write` says false.
    pub(crate) fn fill(&self, write: impl FnOnce(*mut T) -> bool) {
        let state = if write(self.content.get()) { TAKEN } else { REFUSED };
        let order =
            if mutant("photo_fill_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release (F3): pairs with Acquire in `outcome`; the content.
        self.state.store(state, order);
    }

    /// F4, by the photographer.
    pub(crate) fn outcome(&self) -> Outcome {
        // Acquire: pairs with Release in `fill`.
        match self.state.load(Ordering::Acquire) {
            BLANK => Outcome::Blank,
            TAKEN => Outcome::Taken,
            _ => Outcome::Refused,
        }
    }

    /// The content. By the photographer, while the sheet is offered to nobody, or after its outcome.
    pub(crate) fn content(&self) -> *mut T {
        self.content.get()
    }
}

/// Where a thread looks for a sheet that it is to fill: one per M.
#[derive(Debug)]
pub(crate) struct Slot<T>(AtomicPtr<Sheet<T>>);

impl<T> Slot<T> {
    /// Nobody asks.
    pub(crate) fn new() -> Slot<T> {
        Slot(AtomicPtr::new(ptr::null_mut()))
    }

    /// F1. One photographer at a time; the sheet outlives the thread's interest, which F5 tells.
    pub(crate) fn offer(&self, sheet: &Sheet<T>) {
        sheet.state.store(BLANK, Ordering::Relaxed); // Relaxed: published by the slot.
        // Release (F1): pairs with Acquire in `take`.
        self.0.store(ptr::from_ref(sheet).cast_mut(), Ordering::Release);
    }

    /// F2, by the thread. Async-signal-safe; one load when nobody asks.
    ///
    /// # Safety
    ///
    /// What was offered is alive until its outcome is known, or it is withdrawn.
    pub(crate) unsafe fn take<'a>(&self) -> Option<&'a Sheet<T>> {
        // Relaxed: a first look.
        let seen = self.0.load(Ordering::Relaxed);
        if seen.is_null() {
            return None;
        }
        if mutant("photo_take_blind") {
            // SAFETY: contract.
            return unsafe { seen.as_ref() };
        }
        // Acquire (F2): pairs with Release in `offer`.
        let sheet = self.0.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: contract.
        unsafe { sheet.as_ref() }
    }

    /// F5: takes the sheet back. False if the thread has it.
    pub(crate) fn withdraw(&self) -> bool {
        // Relaxed: the photographer's own sheet comes back untouched.
        let mine = !self.0.swap(ptr::null_mut(), Ordering::Relaxed).is_null();
        mine || mutant("photo_withdraw_blind")
    }
}

#[cfg(test)]
#[path = "photo_tests.rs"]
mod tests;
