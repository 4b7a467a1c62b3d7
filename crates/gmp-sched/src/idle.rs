//! The word that says how many Ps are idle and how many Ms search.
//!
//! ```text
//!    63 ........ 32 31 ......... 0
//!   ┌──────────────┬──────────────┐
//!   │  idle Ps     │ searching Ms │
//!   └──────────────┴──────────────┘
//! ```
//!
#![doc = include_str!("idle.md")]

use crate::sync::{AtomicU64, Ordering, fence, mutant};

const IDLE: u64 = 1 << 32;
const SEARCHING: u64 = 1;

/// The word.
#[derive(Debug)]
pub(crate) struct Idle(AtomicU64);

/// A look at the word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts(u64);

/// What whoever published work owes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// Nobody need be woken.
    Done,
    /// The caller has claimed the search and must wake an M for it, or give the search up.
    Wake,
}

/// What whoever leaves the search owes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LeftSearch {
    /// The last one, with work: publish again (S2).
    Last,
    /// Others are searching.
    NotLast,
}

impl Counts {
    /// Idle Ps.
    pub(crate) fn idle(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// Searching Ms.
    pub(crate) fn searching(self) -> usize {
        (self.0 & (IDLE - 1)) as usize
    }
}

impl Idle {
    /// Nobody idle, nobody searching.
    pub(crate) fn new() -> Idle {
        Idle(AtomicU64::new(0))
    }

    /// A recent look.
    #[inline]
    pub(crate) fn counts(&self) -> Counts {
        // Relaxed: callers that need an order fence themselves.
        Counts(self.0.load(Ordering::Relaxed))
    }

    /// W2 to W4.
    #[inline]
    pub(crate) fn published(&self) -> Published {
        if !mutant("idle_no_publish_fence") {
            // SeqCst fence (idle.md, W2): pairs with I3 in `announced`.
            fence(Ordering::SeqCst);
        }
        let seen = self.counts();
        if seen.idle() == 0 || seen.searching() != 0 {
            return Published::Done;
        }
        self.claim_search(seen)
    }

    #[cold]
    fn claim_search(&self, mut seen: Counts) -> Published {
        loop {
            let (old, new) = (seen.0, seen.0 + SEARCHING);
            // SeqCst: the word is the only variable; orders with I1 and S1 on it.
            match self.0.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Published::Wake,
                Err(now) => seen = Counts(now),
            }
            if seen.idle() == 0 || seen.searching() != 0 {
                return Published::Done;
            }
        }
    }

    /// Joins the search unless half of the busy Ps, of `procs`, do so already.
    pub(crate) fn try_search(&self, procs: usize) -> bool {
        let seen = self.counts();
        let busy = procs.saturating_sub(seen.idle());
        if 2 * seen.searching() >= busy {
            return false;
        }
        // SeqCst: see `claim_search`. Overshooting the limit by a race does no harm.
        self.0.fetch_add(SEARCHING, Ordering::SeqCst);
        true
    }

    /// S1, S2.
    pub(crate) fn leave_search(&self) -> LeftSearch {
        // SeqCst: see `claim_search`; S1 must be ordered before the fence of I3.
        let before = Counts(self.0.fetch_sub(SEARCHING, Ordering::SeqCst));
        if before.searching() == 1 { LeftSearch::Last } else { LeftSearch::NotLast }
    }

    /// W5 without a P to wake: gives the search up, as S2: somebody may have trusted it meanwhile, and a P have
    /// become idle. True when the caller has claimed the search anew and must try again.
    pub(crate) fn give_up_search(&self) -> bool {
        let last = self.leave_search() == LeftSearch::Last;
        last && !mutant("idle_give_up_blindly") && self.published() == Published::Wake
    }

    /// I1: one more idle P. Under the lists' lock.
    pub(crate) fn announce(&self) {
        // SeqCst: see `claim_search`.
        self.0.fetch_add(IDLE, Ordering::SeqCst);
    }

    /// An idle P was taken. Under the lists' lock.
    pub(crate) fn retract(&self) {
        // SeqCst: see `claim_search`.
        self.0.fetch_sub(IDLE, Ordering::SeqCst);
    }

    /// I3: what is looked at after this was published before somebody's W2, or that somebody sees us.
    pub(crate) fn announced(&self) {
        if !mutant("idle_no_announce_fence") {
            // SeqCst fence (idle.md, I3): pairs with W2 in `published`.
            fence(Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
