//! Who takes over when a goroutine is stopped: assigned by the monitor, taken by the signal handler, or taken back.
//!
//! - **S1** the monitor assigns an M, or the target itself: then there is none, and the target shall leave its P to the
//!   monitor (H7 of `preempt.rs`).
//! - **S2** the handler takes what was assigned. If it is its own M it leaves the P (Release), a moment later.
//! - **S3** the monitor takes the P that was left (Acquire). That there is none yet says nothing: the handler may be between the
//!   two halves of S2.
//! - **S4** the monitor takes back what was assigned. It, or S2, comes first, by the swap of one word. Only if S4 was first will
//!   nothing be left any more.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, Ordering, mutant};

/// The spare of one M. `M` is what is assigned, `P` what may be left.
#[derive(Debug)]
pub(crate) struct Spare<M, P> {
    assigned: AtomicPtr<M>,
    left: AtomicPtr<P>,
}

impl<M, P> Spare<M, P> {
    /// None assigned, nothing left.
    pub(crate) fn new() -> Spare<M, P> {
        Spare { assigned: AtomicPtr::new(ptr::null_mut()), left: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Whether one is assigned, as far as the monitor knows.
    pub(crate) fn is_assigned(&self) -> bool {
        // Relaxed: the monitor assigns; that it was taken meanwhile is found out by `take`.
        !self.assigned.load(Ordering::Relaxed).is_null()
    }

    /// S1, by the monitor.
    pub(crate) fn assign(&self, spare: *mut M) {
        // Release: pairs with Acquire in `take`.
        self.assigned.store(spare, Ordering::Release);
    }

    /// S2 and S4: what was assigned, once.
    pub(crate) fn take(&self) -> Option<NonNull<M>> {
        if mutant("spare_take_late") {
            let assigned = self.assigned.load(Ordering::Acquire);
            self.assigned.store(ptr::null_mut(), Ordering::Relaxed);
            return NonNull::new(assigned);
        }
        // Acquire: pairs with Release in `assign`.
        NonNull::new(self.assigned.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// S2, its second half.
    pub(crate) fn leave(&self, p: *mut P) {
        let order =
            if mutant("spare_leave_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `left`; what the P holds.
        self.left.store(p, order);
    }

    /// S3: what was left, once.
    pub(crate) fn left(&self) -> Option<NonNull<P>> {
        // Acquire: pairs with Release in `leave`.
        let left = NonNull::new(self.left.load(Ordering::Acquire))?;
        // Relaxed: the handler leaves another one only when the monitor has assigned anew.
        self.left.store(ptr::null_mut(), Ordering::Relaxed);
        Some(left)
    }
}

#[cfg(test)]
#[path = "spare_tests.rs"]
mod tests;
