//! The words of a freeze: who may go on, and who stands still.
//!
//! `freeze.rs` says what a freeze is for. The freezer:
//!
//! - **F1** `frozen` is set, then a barrier on all threads.
//! - **F2** every P is asked to give way, then a barrier again.
//! - **F3** each P's M is looked at until it waits (W2), or is outside critical sections, in a goroutine.
//! - **F4** the thaw: `frozen` is taken back, and those who wait are woken.
//!
//! An M on g0, with something found that it is to run:
//!
//! - **W1** it looks at `frozen`, and goes on if that is not set: then that was before F1's barrier.
//! - **W2** it says that it waits, and sleeps until `frozen` is not set.
//! - **W3** it says that it does not wait any more, and looks at `frozen` again: the next freeze may have begun in between,
//!   and have seen it wait. Whoever says so before F1's barrier is not seen to wait; whoever says so behind it sees `frozen`.
//!
//! Who takes back a request to give way, with the P in its hands, and need not come by W1 or W2 before somebody else has it:
//!
//! - **C1** it looks at `frozen`, and leaves the request if that is set; else it takes the request back.
//! - **C2** it looks at `frozen` again. What it took back may have been F2's; then it asks again ([`Frost::clear`]).
//!
//! An M that leaves a goroutine enters a critical section, a fence, and looks at its P's request: if there is none it goes
//! straight on to another goroutine, else to g0. If F3 has seen it outside, it sees the request of F2.

use crate::sync::{Ordering, WordLike, light_fence, mutant};

/// A word of one runtime: whether it is frozen; and how often it has thawed, on which those sleep who wait.
#[derive(Debug)]
pub(crate) struct Frost<W> {
    frozen: W,
    thaws: W,
}

/// A word of one M: whether it waits for a thaw.
#[derive(Debug)]
pub(crate) struct Waits<W>(W);

impl<W: WordLike> Frost<W> {
    /// Not frozen. Both words are zero.
    pub(crate) const fn new(frozen: W, thaws: W) -> Frost<W> {
        Frost { frozen, thaws }
    }

    /// F1 and F2; false if there are no barriers. `ask` asks every P to give way.
    pub(crate) fn begin(&self, barrier: impl Fn() -> bool, ask: impl FnOnce()) -> bool {
        self.frozen.swap(1, Ordering::SeqCst); // SeqCst: F1, before the barrier.
        if !mutant("frost_no_first_barrier") && !barrier() {
            return false;
        }
        ask();
        mutant("frost_no_second_barrier") || barrier()
    }

    /// F4, by who has begun it. `wake` wakes whoever sleeps on the word.
    pub(crate) fn end(&self, wake: impl FnOnce(&W)) {
        self.frozen.swap(0, Ordering::Release); // Release: pairs with Acquire in `wait`.
        // Relaxed: only the freezer writes it.
        let thaws = self.thaws.get(Ordering::Relaxed);
        self.thaws.swap(thaws.wrapping_add(1), Ordering::Release); // Release: as above.
        wake(&self.thaws);
    }

    /// C1 and C2, by who has the P in its hands: afterwards the request is taken back, or it was F2's and is made anew.
    pub(crate) fn clear(&self, clear: impl FnOnce(), ask: impl FnOnce()) {
        if self.is_frozen() {
            return;
        }
        clear();
        // Light fence, in `holds` (C2): pairs with the barrier of F1. Either what was cleared came before F2's request, or
        // `frozen` is seen.
        if !mutant("frost_clears_blindly") && self.holds() {
            ask();
        }
    }

    /// Whether it is frozen, as far as the caller can see.
    #[inline]
    pub(crate) fn is_frozen(&self) -> bool {
        // Acquire: pairs with Release in `end`: what the freezer has looked at it has looked at before. That it is set is
        // made seen by the barrier of F1.
        self.frozen.get(Ordering::Acquire) != 0
    }

    /// W1: whether to wait.
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        // Light fence (W1): pairs with the barrier of F1.
        light_fence();
        self.is_frozen()
    }

    /// W2 and W3. `sleep` sleeps while the word is what it was, or for a shorter while.
    #[cold]
    pub(crate) fn wait(&self, waits: &Waits<W>, sleep: impl Fn(&W, u32)) {
        loop {
            waits.set(true);
            loop {
                // Acquire: pairs with Release in `end`.
                let thaws = self.thaws.get(Ordering::Acquire);
                // Acquire: as above; looked at after the count, so that a thaw in between ends the sleep.
                if self.frozen.get(Ordering::Acquire) == 0 {
                    break;
                }
                sleep(&self.thaws, thaws);
            }
            waits.set(false);
            // W3.
            if !self.holds() || mutant("frost_looks_once") {
                return;
            }
        }
    }
}

impl<W: WordLike> Waits<W> {
    /// It does not. The word is zero.
    pub(crate) const fn new(word: W) -> Waits<W> {
        Waits(word)
    }

    /// F3: whether it does.
    pub(crate) fn get(&self) -> bool {
        self.0.get(Ordering::Acquire) != 0 // Acquire: pairs with Release in `set`.
    }

    fn set(&self, waits: bool) {
        self.0.swap(waits.into(), Ordering::Release); // Release: pairs with Acquire in `get`.
    }
}

#[cfg(test)]
#[path = "frost_tests.rs"]
mod tests;
