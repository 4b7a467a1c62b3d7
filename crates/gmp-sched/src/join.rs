//! One wait for one event: a goroutine's end and the one who joins it.
//!
//! ```text
//!   OPEN ──wait (waiter's address)──▶ waiter ──finish──▶ DONE   finish owes the waiter a `ready`
//!     └──────────────finish──────────────────────────────▲      wait finds DONE: nothing to wait for
//! ```
//!
//! - **J1** the waiter publishes its address in the commit of its park, when it is wholly saved, with
//!   Release: whoever takes the address may run it at once.
//! - **J2** the finisher writes the result, then swaps in DONE: Release for the result, Acquire for J1.

use crate::sync::{AtomicUsize, Ordering, mutant};

const OPEN: usize = 0;
const DONE: usize = 1;

/// The word.
#[derive(Debug)]
pub(crate) struct JoinWord(AtomicUsize);

/// What `wait` found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The finisher will ready the waiter.
    Registered,
    /// It has happened: the caller must ready its waiter itself.
    Done,
}

/// What `finish` found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Nobody waits (yet); who comes later sees DONE.
    Nobody,
    /// This waiter must be readied by the caller.
    Ready(usize),
}

impl JoinWord {
    /// Not happened, nobody waiting.
    pub(crate) fn new() -> JoinWord {
        JoinWord(AtomicUsize::new(OPEN))
    }

    /// Whether it has happened; then the result is visible.
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with Release in `finish` (J2).
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Registers `waiter`, an address above 1. One waiter only.
    pub(crate) fn wait(&self, waiter: usize) -> Wait {
        debug_assert!(waiter > DONE);
        let order = if mutant!("join_wait_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release: pairs with Acquire in `finish` (J1); publishes the saved waiter.
        // Acquire on failure: pairs with Release in `finish`; the result is visible.
        match self.0.compare_exchange(OPEN, waiter, order, Ordering::Acquire) {
            Ok(_) => Wait::Registered,
            Err(_) => Wait::Done,
        }
    }

    /// Marks it as happened.
    pub(crate) fn finish(&self) -> Finish {
        let order =
            if mutant!("join_finish_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release: pairs with Acquire in `is_done` and `wait` (J2); Acquire: pairs with Release in `wait` (J1).
        match self.0.swap(DONE, order) {
            OPEN => Finish::Nobody,
            waiter => Finish::Ready(waiter),
        }
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
