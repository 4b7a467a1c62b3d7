//! `next`: the goroutine that a P runs next, put and taken by its owner without a read-modify-write.
//!
//! A message that is handed over, and its answer, put and take `next` twice each; thieves take it once in a
//! thousand times, when its owner computes on and would strand it. So the rare side pays. Both sides rest on what
//! `retake.md` rests on: whoever uses what belongs to a P is in a critical section of its M, counted in a word that
//! others see after a heavy fence.
//!
//! The owner, in a section (E1, E2 of `retake.md`):
//! - **O1** reads `shared` (Acquire). If it is 0,
//! - **O2** it reads and writes the slot plainly. Else a thief is about, and it swaps.
//!
//! A thief:
//! - **N1** sets `shared`; if it is set another thief is about, who will do.
//! - **N2** a heavy fence: every thread of the process passes a full one.
//! - **N3** is the owner in a section (Acquire), or nobody the owner? Then it is about to take it itself: go on with N5.
//! - **N4** swaps the slot for null.
//! - **N5** clears `shared` (Release).
//!
//! Why nobody takes what the other has. Let the owner read 0 at O1. If that 0 is of an N5, or of before, and the next N1
//! comes later: E1 is before O1 with a fence between, N1 is before N3 with a fence between, and O1 did not see
//! N1; so N3 sees E1, or the end of that section, whose writes its Acquire makes visible: the slot is as O2 left it. If
//! the 0 is of an N5, its Release makes N4 visible to O2. And when both swap, the swaps decide.
//!
//! Who the owner is may change meanwhile. The new one says so (`M::set_p`), in a section, with a full fence before its
//! first O1. If N3 does not see that, N2 came before it, so its O1 sees N1.
//!
//! Where no heavy fence can be had `shared` stays set, and everybody swaps.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, AtomicU32, Ordering, mutant};

/// The slot of one P.
#[derive(Debug)]
pub(crate) struct Next<T> {
    slot: AtomicPtr<T>,
    shared: AtomicU32,
    /// There is no heavy fence.
    always_shared: bool,
}

impl<T> Next<T> {
    /// Empty. `fenced` says that thieves can have a heavy fence.
    pub(crate) fn new(fenced: bool) -> Next<T> {
        Next {
            slot: AtomicPtr::new(ptr::null_mut()),
            shared: AtomicU32::new(u32::from(!fenced)),
            always_shared: !fenced,
        }
    }

    /// What is in it, at some moment; for comparing only. Any thread.
    #[inline]
    pub(crate) fn peek(&self) -> *mut T {
        // Relaxed: a hint; taking it synchronises.
        self.slot.load(Ordering::Relaxed)
    }

    /// O1.
    #[inline]
    fn is_shared(&self) -> bool {
        // Acquire: pairs with Release in `steal` (N5).
        self.shared.load(Ordering::Acquire) != 0
    }

    /// Takes what is in it. The P's owner, in a section.
    #[inline]
    pub(crate) fn take(&self) -> Option<NonNull<T>> {
        if self.peek().is_null() {
            // Only the owner fills it.
            return None;
        }
        if self.is_shared() {
            // Relaxed: the owner put it there; the swap decides between it and a thief.
            return NonNull::new(self.slot.swap(ptr::null_mut(), Ordering::Relaxed));
        }
        // Relaxed (O2): no thief is about.
        let item = self.slot.load(Ordering::Relaxed);
        self.slot.store(ptr::null_mut(), Ordering::Relaxed); // Relaxed: as above.
        NonNull::new(item)
    }

    /// Puts `item` in and returns what it displaced. The P's owner, in a section.
    #[inline]
    pub(crate) fn put(&self, item: NonNull<T>) -> Option<NonNull<T>> {
        if self.is_shared() {
            // Release: pairs with Acquire in `steal`; the item's content is visible to a thief.
            return NonNull::new(self.slot.swap(item.as_ptr(), Ordering::Release));
        }
        // Relaxed (O2): no thief is about.
        let displaced = self.slot.load(Ordering::Relaxed);
        // Release: as above.
        self.slot.store(item.as_ptr(), Ordering::Release);
        NonNull::new(displaced)
    }

    /// Takes what is in it from an owner that computes. `barrier` is the heavy fence, which may fail; `busy` says whether
    /// the owner is in a section, or there is none.
    pub(crate) fn steal(
        &self,
        barrier: impl FnOnce() -> bool,
        busy: impl FnOnce() -> bool,
    ) -> Option<NonNull<T>> {
        if self.always_shared {
            return self.grab();
        }
        // Acquire (N1): pairs with Release in the last thief's N5. The owner's side is ordered by the fence.
        if self.shared.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return None;
        }
        let fenced = mutant("next_no_barrier") || barrier(); // N2
        let taken = if fenced && (mutant("next_blind") || !busy()) { self.grab() } else { None }; // N3, N4
        let order =
            if mutant("next_clear_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release (N5): pairs with Acquire in `is_shared`; the owner finds the slot as it is now.
        self.shared.store(0, order);
        taken
    }

    /// N4.
    fn grab(&self) -> Option<NonNull<T>> {
        // Acquire: pairs with Release in `put`.
        NonNull::new(self.slot.swap(ptr::null_mut(), Ordering::Acquire))
    }
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;
