//! Whether a P may be taken from its holder, who is in a blocking section. One word per P.
//!
//! ```text
//!    63 ............................ 1   0
//!   ┌───────────────────────────────┬───┐   B = 1: the holder is in a blocking section; the monitor may
//!   │ count of sections             │ B │          take the P by clearing the bit
//!   └───────────────────────────────┴───┘   B = 0: the holder keeps it
//! ```
//!
//! The count makes each section a word of its own: a monitor that has seen a section does not take the P out of the next
//! one, and a holder whose P has been taken, used and given to another section does not take that one's. The steps B1 to
//! B3 are in `blocking.rs`.

use crate::sync::{AtomicU64, Ordering, mutant};

const TAKEABLE: u64 = 1;

/// The word.
#[derive(Debug)]
pub(crate) struct Lease(AtomicU64);

/// What somebody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Whether the P may be taken.
    pub(crate) fn is_takeable(self) -> bool {
        self.0 & TAKEABLE != 0
    }
}

impl Lease {
    /// The holder keeps it.
    pub(crate) fn new() -> Lease {
        Lease(AtomicU64::new(0))
    }

    /// B1: the holder may lose it from now on. By the holder; gives the word for `leave`.
    #[inline]
    pub(crate) fn enter(&self) -> Seen {
        // Relaxed: only the holder of the P writes while B is not set, and that is the caller.
        let before = self.0.load(Ordering::Relaxed);
        let counted = if mutant("lease_enter_uncounted") { 0 } else { TAKEABLE << 1 };
        let section = before.wrapping_add(counted) | TAKEABLE;
        let order =
            if mutant("lease_enter_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `retake` (B2): the monitor passes on the P as its holder left it.
        self.0.store(section, order);
        Seen(section)
    }

    /// B3: whether the P was never gone. By who entered.
    #[inline]
    pub(crate) fn leave(&self, section: Seen) -> bool {
        let kept = section.0 & !TAKEABLE;
        let gone =
            if mutant("lease_leave_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Relaxed on success: nobody else has had it. Acquire on failure: pairs with Release in `retake`; who took it because
        // the runtime stops has said so before.
        self.0.compare_exchange(section.0, kept, Ordering::Relaxed, gone).is_ok()
    }

    /// What the monitor sees.
    pub(crate) fn look(&self) -> Seen {
        // Acquire: pairs with Release in `enter`; what it sees of the section is not older.
        Seen(self.0.load(Ordering::Acquire))
    }

    /// B2: takes the P out of the section `seen`. By the monitor, or the end of the runtime; true means that it owns the P.
    pub(crate) fn retake(&self, seen: Seen) -> bool {
        let next = seen.0 & !TAKEABLE;
        // Acquire: pairs with Release in `enter`. Release: with Acquire in `leave`.
        seen.is_takeable()
            && self.0.compare_exchange(seen.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
