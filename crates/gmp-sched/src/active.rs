//! How many goroutines of a bubble are active: steps B1 to B3 of `bubble.rs`, on one number.
//!
//! Whoever begins a durable wait first makes it visible, then takes itself off: in between it is still counted, so the
//! number cannot reach zero before others can end the wait. Whoever ends a wait counts the waiter before making it runnable,
//! and is counted itself. So who brings the number to zero is alone, and sees what all others did.

use crate::sync::{AtomicUsize, Ordering, mutant};

/// The number.
#[derive(Debug)]
pub(crate) struct Active(AtomicUsize);

/// What is left when one has been taken off.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Others are active.
    Others,
    /// Nobody is: the caller settles (B2).
    Nobody,
}

impl Active {
    /// So many.
    pub(crate) fn new(n: usize) -> Active {
        Active(AtomicUsize::new(n))
    }

    /// One more, added by one that is active.
    pub(crate) fn add(&self) {
        // Relaxed: whoever is made runnable by this is published by its queue.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(crate) fn remove(&self) -> Left {
        let order = if mutant("active_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // AcqRel: pairs with itself: the last one sees what all others did.
        if self.0.fetch_sub(1, order) == 1 { Left::Nobody } else { Left::Others }
    }

    /// One less, which waits from now on: `commit` lets others end the wait.
    pub(crate) fn block(&self, commit: impl FnOnce()) -> Left {
        if mutant("active_off_before_visible") {
            let left = self.remove();
            commit();
            return left;
        }
        commit();
        self.remove()
    }
}

#[cfg(test)]
#[path = "active_tests.rs"]
mod tests;
