//! The word of a semaphore: how many permits nobody holds, and whether somebody waits.
//!
//! ```text
//! bits 1..   permits that nobody holds
//! bit 0      QUEUED: somebody waits; from then on only the holder of the queue's lock changes the word
//! ```
//!
//! - **P1** while QUEUED is clear, taking and giving back is one compare-and-swap that finds it clear.
//! - **P2** who finds too few sets QUEUED, under the queue's lock, in the same step that finds them too few. So
//!   either P2 sees what P1 gave back, or who gives back sees QUEUED and takes P3.
//! - **P3** with QUEUED set, who gives back takes the queue's lock and serves the queue in order, as far as the
//!   permits go; QUEUED is cleared in the step that leaves what is over, if nobody is left.

use super::atomic::{Ordering, Word};
use crate::chan::sync::mutant;

const QUEUED: usize = 1;
const ONE: usize = 2;

/// The largest number of permits.
pub(super) const MAX: usize = usize::MAX / ONE;

/// What became of permits that were given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// Whoever comes may take them.
    Back,
    /// Nothing: P3 is to be taken.
    Queued,
    /// Nothing: there would be more than [`MAX`].
    TooMany,
}

/// The word. `A` is an atomic of std's, or of a model checker's.
#[derive(Debug)]
pub(super) struct SemaphoreWord<A>(A);

/// The word of a semaphore with so many permits, of which nobody has asked for any.
pub(super) const fn full(permits: usize) -> usize {
    permits * ONE
}

impl<A: Word<usize>> SemaphoreWord<A> {
    /// `word` comes from [`full`].
    pub(super) const fn new(word: A) -> SemaphoreWord<A> {
        SemaphoreWord(word)
    }

    /// The permits that nobody holds.
    pub(super) fn available(&self) -> usize {
        self.0.get(Ordering::Relaxed) / ONE // Relaxed: a snapshot.
    }

    /// P1: takes `n`, if they are there and nobody waits.
    #[inline]
    pub(super) fn take(&self, n: usize) -> bool {
        let order =
            if mutant("semaphore_take_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = self.0.get(Ordering::Relaxed);
        while s & QUEUED == 0 && s / ONE >= n {
            // Acquire: pairs with Release in `give` and `settle`.
            match self.0.cas(s, s - n * ONE, order) {
                Ok(()) => return true,
                Err(now) => s = now,
            }
        }
        false
    }

    /// P1: gives `n` back, if nobody waits.
    #[inline]
    pub(super) fn give(&self, n: usize) -> Given {
        let order =
            if mutant("semaphore_give_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = self.0.get(Ordering::Relaxed);
        while s & QUEUED == 0 {
            if n > MAX - s / ONE {
                return Given::TooMany;
            }
            // Release: pairs with Acquire in `take` and `queued`; what the holder did is visible to the next.
            match self.0.cas(s, s + n * ONE, order) {
                Ok(()) => return Given::Back,
                Err(now) => s = now,
            }
        }
        Given::Queued
    }

    /// P2, with the lock of the queue: true if the caller has to wait, false if it has taken `n` after all.
    pub(super) fn queue(&self, n: usize) -> bool {
        loop {
            if self.take(n) {
                return false;
            }
            // Relaxed: with the lock held QUEUED is not cleared; the compare-and-swap decides about the rest.
            let s = self.0.get(Ordering::Relaxed);
            let short = s & QUEUED != 0 || s / ONE < n || mutant("semaphore_queues_blindly");
            // Relaxed: the queue is published by its lock.
            if short && self.0.cas(s, s | QUEUED, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    /// P3, with the lock of the queue: the permits that nobody holds, if somebody waits.
    pub(super) fn queued(&self) -> Option<usize> {
        // Acquire: pairs with Release in `give` and `settle`, whose permits the caller passes on.
        let s = self.0.get(Ordering::Acquire);
        (s & QUEUED != 0).then_some(s / ONE)
    }

    /// P3, with the lock of the queue and after `queued`: so many are over, and whether somebody is `left`.
    pub(super) fn settle(&self, permits: usize, left: bool) {
        let queued = if left && !mutant("semaphore_forgets_who_is_left") { QUEUED } else { 0 };
        let order =
            if mutant("semaphore_settle_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `take` and `queued`, as that of `give`.
        self.0.put((permits * ONE) | queued, order);
    }
}

#[cfg(test)]
#[path = "semaphore_word_tests.rs"]
mod tests;
