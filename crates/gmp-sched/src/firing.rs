//! Who ends a timer: the one that fires it, or the one that cancels it. One word per timer node.
//!
//! ```text
//!   63 .......... 2  1 0
//!  ┌───────────────┬─────┐   IDLE ─arm─▶ ARMED ─claim─▶ FIRING ─done─▶ IDLE, use + 1
//!  │      use      │phase│                └────cancel─────────────────▲
//!  └───────────────┴─────┘
//! ```
//!
//! Each use of a node has a number of its own, so who comes too late, to fire or to cancel, finds that out. The steps T1
//! to T4 are in `timers.rs`.

use crate::sync::{AtomicU64, Ordering, mutant};

const PHASE: u64 = 3;
const IDLE: u64 = 0;
const ARMED: u64 = 1;
const FIRING: u64 = 2;

/// The word.
#[derive(Debug)]
pub(crate) struct Firing(AtomicU64);

/// What cancelling has found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// It will not fire: the node is the canceller's.
    Prevented,
    /// It fires or has fired: wait until it no longer does.
    TooLate,
}

/// The next use, idle.
fn after(state: u64) -> u64 {
    (state & !PHASE).wrapping_add(PHASE + 1) | IDLE
}

impl Firing {
    /// Idle.
    pub(crate) fn new() -> Firing {
        Firing(AtomicU64::new(IDLE))
    }

    /// T1: arms it; returns what `claim` and `cancel` are to be given. By who has the node for itself.
    pub(crate) fn arm(&self) -> u64 {
        // Relaxed: the node is the caller's alone while IDLE.
        let armed = self.0.load(Ordering::Relaxed) & !PHASE | ARMED;
        let order =
            if mutant("firing_arm_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `claim` (T1); publishes what it is to do.
        self.0.store(armed, order);
        armed
    }

    /// The use that somebody sees; for `claim`.
    pub(crate) fn look(&self) -> u64 {
        // Relaxed: `claim` decides and synchronises.
        self.0.load(Ordering::Relaxed)
    }

    /// T4: whether the use `armed` is neither firing nor over. Under the lock of the heap that its node is in: then it will
    /// not fire as long as the lock is held, since who fires takes the node out first; who cancels it meanwhile does so as
    /// if after the move.
    pub(crate) fn is_armed(&self, armed: u64) -> bool {
        self.look() == armed || mutant("firing_move_anybody")
    }

    /// T2: claims the use `seen` for firing, if it was armed then.
    pub(crate) fn claim(&self, seen: u64) -> bool {
        let firing = seen & !PHASE | FIRING;
        // Acquire: pairs with Release in `arm` (T1).
        seen & PHASE == ARMED
            && self.0.compare_exchange(seen, firing, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// T2: the call is over, and with it this use. By who has claimed it.
    pub(crate) fn done(&self) {
        // Relaxed: this thread has claimed it.
        let state = self.0.load(Ordering::Relaxed);
        let order =
            if mutant("firing_done_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `is_firing` and `cancel` (T3).
        self.0.store(after(state), order);
    }

    /// T3: cancels the use `armed`.
    pub(crate) fn cancel(&self, armed: u64) -> Cancelled {
        // Acquire on failure: pairs with Release in `done`; the call's last look at its context comes before.
        // Relaxed on success: nobody has looked.
        match self.0.compare_exchange(armed, after(armed), Ordering::Relaxed, Ordering::Acquire) {
            Ok(_) => Cancelled::Prevented,
            Err(_) => Cancelled::TooLate,
        }
    }

    /// T3: whether the use `armed` is firing at this moment.
    pub(crate) fn is_firing(&self, armed: u64) -> bool {
        // Acquire: pairs with Release in `done`.
        let now = self.0.load(Ordering::Acquire);
        now == armed & !PHASE | FIRING && !mutant("firing_wait_not")
    }
}

#[cfg(test)]
#[path = "firing_tests.rs"]
mod tests;
