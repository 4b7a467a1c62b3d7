//! The end of a goroutine, in one word: whether it has come, who waits for it, and who owns what it leaves.
//!
//! Two parties share a task: the goroutine, which leaves a result, and the handle, which takes it or gives it up.
//! Whoever comes second owns the result and the memory; the word decides who that is, so no reference count is
//! needed, and a join that comes late costs no read-modify-write at all.
//!
//! ```text
//!             ┌──wait (waiter's address)──▶ WAITER ──finish──┐ finish owes the waiter a `ready`
//!   OPEN ─────┼──────────finish───────────────────────────▶ DONE      the handle owns the task
//!    ▲        ├──detach──▶ DETACHED ──finish──▶ (owned by the finisher)
//!    │        └──wait (bell)──▶ BELL ──detach──▶ DETACHED
//!    └────────────take_bell──────┘                           a future waits, see join_future.rs
//! ```
//!
//! - **J1** the waiter publishes its address in the commit of its park, when it is wholly saved, with
//!   Release: whoever takes the address may run it at once.
//! - **J2** the finisher writes the result, then moves OPEN, or a waiter, to DONE: Release for the result, Acquire
//!   for J1 and J3. After that the task may be gone.
//! - **J3** a handle that gives up swaps in DETACHED. If it finds DONE (Acquire for J2), it was second.
//! - **J4** a future's bell is taken out before the end, since ringing it is the user's code: the word is OPEN again.

use crate::sync::{AtomicUsize, Ordering, mutant};

const OPEN: usize = 0;
const DONE: usize = 1;
const DETACHED: usize = 2;

/// Marks the address of a bell (join_future.rs); a waiter's has this bit clear.
pub(crate) const BELL: usize = 2;

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
    /// The handle owns the task from now on; the caller must not touch it again.
    Left,
    /// As `Left`, and this waiter must be readied by the caller.
    Ready(usize),
    /// Nobody wants the result: the task is the caller's.
    Mine,
    /// Nothing has changed: a bell must be taken out and rung first.
    Bell,
}

/// What `detach` found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// The goroutine will see to the task.
    Left,
    /// As `Left`, and this bell is given back.
    Bell(usize),
    /// It has ended: the task is the caller's.
    Mine,
}

impl JoinWord {
    /// Not ended, nobody waiting; with or without a handle.
    pub(crate) fn new(with_handle: bool) -> JoinWord {
        JoinWord(AtomicUsize::new(if with_handle { OPEN } else { DETACHED }))
    }

    /// Whether it has ended; then the result is visible. By the handle.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with Release in `finish` (J2).
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Whether nobody will take the result. By the goroutine, before `finish`.
    #[inline]
    pub(crate) fn is_detached(&self) -> bool {
        // Relaxed: the handle passes nothing on by giving up; its word changes no more.
        self.0.load(Ordering::Relaxed) == DETACHED
    }

    /// J1: registers `waiter`, an address above 2, or a bell's with its mark. One only.
    pub(crate) fn wait(&self, waiter: usize) -> Wait {
        debug_assert!(waiter > DETACHED);
        let order = if mutant("join_wait_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release: pairs with Acquire in `finish` (J1); publishes the saved waiter.
        // Acquire on failure: pairs with Release in `finish`; the result is visible.
        match self.0.compare_exchange(OPEN, waiter, order, Ordering::Acquire) {
            Ok(_) => Wait::Registered,
            Err(_) => Wait::Done,
        }
    }

    /// J2: it has ended, unless there is a bell to be rung.
    #[inline]
    pub(crate) fn finish(&self) -> Finish {
        let order =
            if mutant("join_finish_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release: pairs with Acquire in `is_done`, `wait` and `detach` (J2).
        // Acquire on failure: pairs with Release in `wait` (J1) and `detach` (J3).
        match self.0.compare_exchange(OPEN, DONE, order, Ordering::Acquire) {
            Ok(_) => Finish::Left,
            Err(DETACHED) => Finish::Mine,
            Err(word) if word & BELL != 0 => Finish::Bell,
            // A waiter stays until it is readied.
            // AcqRel: as above.
            Err(_) => Finish::Ready(self.0.swap(DONE, order)),
        }
    }

    /// J4: takes the bell out; none when the handle has been dropped meanwhile.
    pub(crate) fn take_bell(&self) -> Option<usize> {
        // Relaxed: a look.
        let word = self.0.load(Ordering::Relaxed);
        let is_bell = word > DETACHED && word & BELL != 0;
        if is_bell && mutant("join_bell_stays") {
            return Some(word);
        }
        // Acquire: pairs with Release in `wait`; the bell's memory is visible.
        let taken = is_bell
            && self.0.compare_exchange(word, OPEN, Ordering::Acquire, Ordering::Relaxed).is_ok();
        taken.then_some(word)
    }

    /// J3: the handle gives up. Once, and never after `wait` has registered a waiter.
    #[inline]
    pub(crate) fn detach(&self) -> Detach {
        if self.is_done() {
            return Detach::Mine;
        }
        let order =
            if mutant("join_detach_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release: pairs with Acquire in `finish` (J3): the handle's last look at the task comes before it is freed.
        // Acquire: pairs with Release in `finish` (J2), when that came first.
        match self.0.swap(DETACHED, order) {
            DONE => Detach::Mine,
            OPEN => Detach::Left,
            bell => Detach::Bell(bell),
        }
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
