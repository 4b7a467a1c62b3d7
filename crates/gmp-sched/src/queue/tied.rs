//! The queue of goroutines whose thread waits for a P: stopped ones, and those that lost theirs while they slept.
//!
//! Running one means passing a P to its thread. They are kept apart from the global queue because somebody may
//! need the oldest of them at once: when goroutines block on something that a stopped one may hold, the Ps that
//! they leave behind go here first (`preempt.rs`, step H6). Otherwise each waits for its turn, which comes when
//! everything has been taken that was in the global queue before it: together the two are one FIFO.
//!
//! - **T1** who appends takes the lock, and under it asks when the turn comes: after those that are in the global queue at this
//!   moment.
//! - **T2** it links the goroutine and writes the new length, both under the lock; then it publishes (W2 of `idle.md`).
//! - **T3** who looks for work reads the length without the lock. If that is not 0 it takes the lock, asks under it how many have
//!   been taken from the global queue, which is as good as all if that is empty, and takes the oldest if its turn has come.
//!
//! What follows:
//!
//! - **T4** nothing is lost, nothing taken twice: the list changes under the lock only.
//! - **T5** turns never decrease from the oldest to the newest, since they were asked for in the order of the list. So the oldest is the
//!   first whose turn comes, and nobody waits for more of the global queue than was there before it. Nobody in the global queue is overtaken
//!   by one that came later either: its turn and whether it has come are asked for under the same lock.
//! - **T6** a length of 0 strands nobody: the write of T2 comes before the fence of W2. Who sleeps reads the length after
//!   the fence of I3; it sees the new one, or W3 sees the sleeper.

use std::cell::Cell;
use std::ops::DerefMut;
use std::ptr::NonNull;

use crate::g::G;
use crate::lock::Lock;
use crate::queue::global::Global;
use crate::queue::list::{Linked, List};
use crate::sync::{AtomicUsize, Ordering, mutant};

/// The queue.
#[derive(Debug)]
pub(crate) struct Tied {
    list: Lock<List<G>>,
    len: Length,
}

impl Tied {
    /// An empty queue.
    pub(crate) fn new() -> Tied {
        Tied { list: Lock::new(List::new()), len: Length::new() }
    }

    /// How many are inside, at some moment.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Appends `g`, which is tied to an M, behind what is in `global` now. Whoever calls this publishes (T2).
    pub(crate) fn push(&self, g: NonNull<G>, global: &Global<G>) {
        self.len.push(|| self.list.lock(), g, || global.end());
    }

    /// Takes the oldest if its turn has come with what was taken from `global`.
    pub(crate) fn next(&self, global: &Global<G>) -> Option<NonNull<G>> {
        self.len.take(|| self.list.lock(), || global.served())
    }

    /// Takes the oldest before its turn.
    pub(crate) fn oldest(&self) -> Option<NonNull<G>> {
        self.len.take(|| self.list.lock(), || u64::MAX)
    }
}

/// What can wait for its turn.
pub(crate) trait Turn: Linked {
    /// Where its turn is kept, which is touched under the queue's lock only.
    fn turn(&self) -> Option<&Cell<u64>>;
}

impl Turn for G {
    fn turn(&self) -> Option<&Cell<u64>> {
        self.tied().map(|m| &m.turn)
    }
}

/// What is known of the list without its lock, and the list's operations, which keep it true.
#[derive(Debug)]
struct Length(AtomicUsize);

impl Length {
    fn new() -> Length {
        Length(AtomicUsize::new(0))
    }

    #[inline]
    fn get(&self) -> usize {
        // Acquire: pairs with Release in `push`; whoever sees the length finds the members.
        self.0.load(Ordering::Acquire)
    }

    /// T1 and T2.
    fn push<T: Turn, L: DerefMut<Target = List<T>>>(
        &self,
        lock: impl FnOnce() -> L,
        item: NonNull<T>,
        turn: impl Fn() -> u64,
    ) {
        let early = mutant("tied_turn_before_lock").then(&turn);
        let mut list = lock();
        let before = list.len();
        // SAFETY: its thread waits, so it is alive.
        if let Some(place) = unsafe { item.as_ref() }.turn() {
            place.set(early.unwrap_or_else(turn));
        }
        list.push(item);
        let len = if mutant("tied_len_of_before") { before } else { list.len() };
        // Release: pairs with Acquire in `get`.
        self.0.store(len, Ordering::Release);
    }

    /// T3.
    fn take<T: Turn, L: DerefMut<Target = List<T>>>(
        &self,
        lock: impl FnOnce() -> L,
        taken: impl Fn() -> u64,
    ) -> Option<NonNull<T>> {
        let early = mutant("tied_asked_before_lock").then(&taken);
        if self.get() == 0 {
            return None;
        }
        let mut list = lock();
        let first = list.peek()?;
        // SAFETY: as in `push`.
        let turn = unsafe { first.as_ref() }.turn().map_or(0, Cell::get);
        if turn > early.unwrap_or_else(taken) {
            return None;
        }
        let first = list.pop();
        // Release: pairs with Acquire in `get`.
        self.0.store(list.len(), Ordering::Release);
        first
    }
}

#[cfg(test)]
#[path = "tied_tests.rs"]
mod tests;
