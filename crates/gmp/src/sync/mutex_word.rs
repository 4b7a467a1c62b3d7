//! The word of a mutex: who holds it, whether somebody waits, who is woken.
//!
//! ```text
//! bit 0  LOCKED    somebody holds it          set by who takes it or hands it over; cleared by `give_back`
//! bit 1  WOKEN     a waiter is awake and       set by `give_back`'s caller before it pops, or by who spins;
//!                  will look: wake no other     cleared by that waiter when it takes the lock or queues
//! bit 2  STARVING  hand over, no barging       set by a late waiter as it queues; never with WOKEN
//! bit 3  WAITERS   the queue is not empty      changed under the queue's lock only
//! ```
//!
//! - **M1** a waiter sets WAITERS, under the queue's lock, in the same step that finds LOCKED set.
//! - **M2** `give_back` clears LOCKED and sees WAITERS in the same step. So either M1 finds the lock free and
//!   takes it, or `give_back` finds the waiter.
//! - **M3** who set WOKEN may pop one waiter and has to; the right passes to that waiter.
//! - **M4** with STARVING set and LOCKED clear, only the `unlock` in progress changes LOCKED. It finds a
//!   waiter: STARVING is set by one that queues, and cleared when the last one is served.

use super::atomic::{Ordering, Word};
use crate::chan::sync::mutant;

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const STARVING: u32 = 4;
const WAITERS: u32 = 8;

/// What somebody has seen of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Seen {
    /// Whether whoever comes may take the lock.
    #[inline]
    pub(super) fn is_free(self) -> bool {
        self.0 & (LOCKED | STARVING) == 0
    }

    /// Whether the lock is handed from holder to waiter.
    pub(super) fn is_starving(self) -> bool {
        self.0 & STARVING != 0
    }
}

/// The word. `A` is an atomic of std's, or of a model checker's.
#[derive(Debug)]
pub(super) struct MutexWord<A>(A);

impl<A: Word<u32>> MutexWord<A> {
    /// Nobody holds the lock. `word` is zero.
    pub(super) const fn new(word: A) -> MutexWord<A> {
        MutexWord(word)
    }

    /// Takes the lock if it is free and nobody waits.
    #[inline]
    pub(super) fn take(&self) -> bool {
        // Acquire: pairs with Release in `give_back`; the last holder's writes are visible.
        self.0.cas(0, LOCKED, Ordering::Acquire).is_ok()
    }

    /// A look at the word, with which the steps below begin.
    #[inline]
    pub(super) fn look(&self) -> Seen {
        Seen(self.0.get(Ordering::Relaxed)) // Relaxed: a guess; each step decides by compare-and-swap.
    }

    /// Takes the lock, which was `seen` free, for one who is `woken` or comes by; what the word says now, if not.
    #[inline]
    pub(super) fn compete(&self, seen: Seen, woken: bool) -> Result<(), Seen> {
        let taken = (seen.0 | LOCKED) & if woken { !WOKEN } else { !0 };
        let order =
            if mutant("mutex_compete_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire: as in `take`.
        self.0.cas(seen.0, taken, order).map_err(Seen)
    }

    /// M3, by one who spins and so needs no waking: whether nobody else is to be woken meanwhile.
    pub(super) fn stay_awake(&self, seen: Seen) -> bool {
        seen.0 & (WOKEN | STARVING | WAITERS) == WAITERS
            // Relaxed: takes the right of M3, orders nothing.
            && self.0.cas(seen.0, seen.0 | WOKEN, Ordering::Relaxed).is_ok()
    }

    /// M1, with the lock of the queue: false if the lock is free after all. Who is `woken` gives that up; who is `late` wants the
    /// lock handed over.
    pub(super) fn queue(&self, woken: bool, late: bool) -> bool {
        let mut seen = self.look();
        loop {
            if seen.is_free() && !mutant("mutex_queues_blindly") {
                return false;
            }
            let mut waiting = seen.0 | WAITERS;
            if woken && !mutant("mutex_stays_woken") {
                waiting &= !WOKEN;
            }
            if late {
                waiting |= STARVING;
            }
            // Relaxed: the queue is published by its lock; that the word says so is M1.
            match self.0.cas(seen.0, waiting, Ordering::Relaxed) {
                Ok(()) => return true,
                Err(now) => seen = Seen(now),
            }
        }
    }

    /// M2: the lock is free, unless it is to be handed over. What else the word says, if anything.
    #[inline]
    pub(super) fn give_back(&self) -> Option<Seen> {
        let order =
            if mutant("mutex_give_back_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `take` and `compete`; publishes what was done under the lock.
        let before = self.0.sub(LOCKED, order);
        (before != LOCKED).then_some(Seen(before & !LOCKED))
    }

    /// M3, after `give_back`: whether the caller has to wake a waiter. Not if there is none, or the next holder's
    /// `give_back`, or one who is awake, will see to it.
    pub(super) fn may_wake(&self, mut seen: Seen) -> bool {
        loop {
            let others =
                if mutant("mutex_wakes_twice") { LOCKED } else { LOCKED | WOKEN | STARVING };
            if seen.0 & WAITERS == 0 || seen.0 & others != 0 {
                return false;
            }
            // Relaxed: takes the right of M3; the queue has its own lock.
            match self.0.cas(seen.0, seen.0 | WOKEN, Ordering::Relaxed) {
                Ok(()) => return true,
                Err(now) => seen = Seen(now),
            }
        }
    }

    /// The last waiter was popped, with the lock of the queue.
    pub(super) fn emptied(&self) {
        self.0.and(!WAITERS, Ordering::Relaxed); // Relaxed: the queue's lock orders this against M1.
    }

    /// M4, with the lock of the queue: whoever was popped holds the lock now; `last` if nobody else waits.
    pub(super) fn hand_over(&self, last: bool) {
        // Relaxed, both: the waiter's `ready` orders what was done under the lock. LOCKED comes first: with both bits clear a
        // newcomer would take the lock.
        if mutant("mutex_hands_over_late") && last {
            self.0.and(!(WAITERS | STARVING), Ordering::Relaxed);
        }
        self.0.or(LOCKED, Ordering::Relaxed);
        if last {
            self.0.and(!(WAITERS | STARVING), Ordering::Relaxed);
        }
    }

    /// By one who was handed the lock soon: no more handing over.
    pub(super) fn calm(&self) {
        // Relaxed: a matter of policy; the lock is the caller's, so M4 does not apply.
        self.0.and(!STARVING, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "mutex_word_tests.rs"]
mod tests;
