//! The two words of a lock: whether it is taken, and how many stay away from it.
//!
//! - **U1** who wants it takes the first word from FREE to TAKEN. That attempt, failed or not, fetches the line of both
//!   words.
//! - **U2** who has failed counts itself in the second word, and looks again now and then, after a while of its own
//!   choice for which the count is a measure: n who stay away n times longer each disturb the holder no more often
//!   than one does. Once it has the lock it counts itself out. Nothing else depends on the count.
//! - **U3** the holder stores FREE. That is no read-modify-write, because nobody has to be woken.

use crate::sync::plain;
use crate::sync::{Ordering, WordLike, mutant};

const FREE: u32 = 0;
const TAKEN: u32 = 1;

/// The words; generic so that a model can run the same text on loom's atomics, which no static can hold.
#[derive(Debug)]
pub(crate) struct Turnstile<A> {
    taken: A,
    away: A,
}

impl Turnstile<plain::AtomicU32> {
    /// Free, and nobody wants it.
    pub(crate) const fn new() -> Self {
        Turnstile { taken: plain::AtomicU32::new(FREE), away: plain::AtomicU32::new(0) }
    }
}

impl<A: WordLike> Turnstile<A> {
    /// U1: whether it is the caller's now.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let order =
            if mutant("turnstile_take_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire: pairs with Release in `give_back`; the last holder's writes are visible.
        self.taken.cas(FREE, TAKEN, order)
    }

    /// Whether somebody has it; may be outdated.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        // Relaxed: a hint only; `try_take` decides.
        self.taken.get(Ordering::Relaxed) != FREE
    }

    /// U2: takes it; `wait` is called, with the number of those who stay away, as long as it is taken.
    pub(crate) fn take(&self, mut wait: impl FnMut(u32)) {
        // Relaxed: a measure; nothing is published by it.
        self.away.add(1, Ordering::Relaxed);
        while self.is_taken() || !self.try_take() {
            // Relaxed: as above.
            wait(self.away.get(Ordering::Relaxed));
        }
        if !mutant("turnstile_stays_counted") {
            // Relaxed: as above. A wrapping minus one.
            self.away.add(u32::MAX, Ordering::Relaxed);
        }
    }

    /// U3, for the holder.
    #[inline]
    pub(crate) fn give_back(&self) {
        let order =
            if mutant("turnstile_free_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `try_take`; publishes this holder's writes.
        self.taken.put(FREE, order);
    }
}

#[cfg(test)]
#[path = "turnstile_tests.rs"]
mod tests;
