//! Who ended a wait that several could end: one winner, by compare-and-swap.
//!
//! A select waits on many channels, a timed wait on its event and on the clock. Each contender tries to
//! claim the wait; the one that succeeds hands over its value and readies the waiter, the rest go on to
//! the next waiter in their queue.

use crate::sync::{AtomicUsize, Ordering, mutant};

/// The claim on one wait, on the waiter's stack.
#[derive(Debug)]
pub struct Claim(AtomicUsize);

impl Claim {
    /// Nobody has claimed it.
    pub const OPEN: usize = 0;
    /// The deadline passed first.
    pub const TIMED_OUT: usize = usize::MAX;

    /// An open claim.
    #[expect(
        clippy::new_without_default,
        reason = "a claim belongs to one wait; a default invites sharing"
    )]
    pub fn new() -> Claim {
        Claim(AtomicUsize::new(Claim::OPEN))
    }

    /// Claims the wait for `token` (neither `OPEN` nor `TIMED_OUT`). True for one contender only, who then
    /// owes the waiter one [`ready`](crate::Waiter::ready). Neither parks nor blocks.
    #[inline]
    pub fn try_claim(&self, token: usize) -> bool {
        debug_assert!(token != Claim::OPEN && token != Claim::TIMED_OUT);
        self.claim(token)
    }

    #[inline]
    pub(crate) fn claim(&self, token: usize) -> bool {
        if mutant("claim_without_contest") && self.winner() == Claim::OPEN {
            self.0.store(token, Ordering::Release); // Release: as below.
            return true;
        }
        // AcqRel: pairs with the Acquire in `winner`; the winner's writes before are visible to the waiter.
        self.0.compare_exchange(Claim::OPEN, token, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The winner's token, or `OPEN`.
    #[inline]
    pub fn winner(&self) -> usize {
        // Acquire: pairs with Release in `claim`.
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
