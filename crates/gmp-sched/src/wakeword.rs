//! The word of a parker: who came first, the sleeper or its waker.
//!
//! ```text
//!   EMPTY ──announce──▶ PARKED ──notify──▶ NOTIFIED ──consume, finish──▶ EMPTY
//!     └───────────notify (came first)─────────▲
//! ```
//!
//! - **K1** the sleeper consumes a notification that has come already, and does not sleep.
//! - **K2** else it announces itself: from now on a waker knows that it must make the kernel wake it.
//! - **K3** it sleeps in the kernel as long as the word says PARKED, and leaves by `finish`.
//! - **K4** the waker swaps in NOTIFIED, whatever was there, and calls the kernel if that was PARKED.
//!
//! The kernel compares the word with PARKED under a lock of its own that the wake takes too, so a K4 between K2 and
//! the sleep is not missed. K4 is the last time that a waker touches the word: the sleeper may be gone after it.

use crate::sync::{Ordering, WordLike, mutant};

/// What it says at first.
pub(crate) const EMPTY: u32 = 0;
/// What the word must say for the kernel to let the sleeper sleep.
pub(crate) const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// The word; generic so that a model can run the same text on loom's atomics, which no static can hold.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct WakeWord<A>(A);

impl<A> WakeWord<A> {
    /// Over a word that is [`EMPTY`]: nobody sleeps, nobody has notified.
    pub(crate) const fn over(word: A) -> Self {
        WakeWord(word)
    }
}

impl<A: WordLike> WakeWord<A> {
    /// K1: whether there was a notification.
    pub(crate) fn consume(&self) -> bool {
        // Acquire: pairs with Release in `notify`; what the waker wrote before is visible after.
        self.0.cas(NOTIFIED, EMPTY, Ordering::Acquire)
    }

    /// K2: false when a notification came just before, which is consumed then.
    pub(crate) fn announce(&self) -> bool {
        // Relaxed: announces nothing but itself; the RMW order of the word settles who came first.
        if self.0.cas(EMPTY, PARKED, Ordering::Relaxed) {
            return true;
        }
        // The word can only have become NOTIFIED.
        self.finish();
        false
    }

    /// K3: whether the sleeper has been notified.
    pub(crate) fn is_notified(&self) -> bool {
        // Relaxed: `finish` acquires.
        self.0.get(Ordering::Relaxed) == NOTIFIED
    }

    /// The end of a sleep: whether there was a notification, which may come in the very last moment.
    pub(crate) fn finish(&self) -> bool {
        let order =
            if mutant("wake_finish_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire: as in `consume`.
        self.0.swap(EMPTY, order) == NOTIFIED
    }

    /// K4: whether the kernel must wake the sleeper. `this` may dangle when this returns.
    ///
    /// # Safety
    ///
    /// `this` must be valid until the word is written: its thread waits for this very call.
    pub(crate) unsafe fn notify(this: *const Self) -> bool {
        // SAFETY: valid until the word is written (contract), and not used after.
        let word = unsafe { &(*this).0 };
        if mutant("wake_notify_blindly") {
            // Not a read-modify-write: a sleeper may have announced itself in between.
            let parked = word.get(Ordering::Relaxed) == PARKED;
            word.swap(NOTIFIED, Ordering::Release);
            return parked;
        }
        // Release: pairs with Acquire in `consume` and `finish`; publishes what the waker wrote for the sleeper.
        word.swap(NOTIFIED, Ordering::Release) == PARKED
    }

    /// The word itself, for the kernel.
    pub(crate) fn raw(&self) -> &A {
        &self.0
    }
}

#[cfg(test)]
#[path = "wakeword_tests.rs"]
mod tests;
