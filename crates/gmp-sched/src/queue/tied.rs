//! The queue of goroutines whose thread waits for a P: stopped ones, and those that lost theirs while they slept.
//!
//! Running one means passing a P to its thread. They are kept apart from the global queue because somebody may
//! need the oldest of them at once: when goroutines block on something that a stopped one may hold, the Ps that
//! they leave behind go here first (`preempt.rs`, step H6). Otherwise each waits for its turn, which comes when
//! everything has been taken that was in the global queue before it: together the two are one FIFO.

use std::ptr::NonNull;

use crate::g::G;
use crate::lock::Lock;
use crate::queue::list::List;
use crate::sync::plain::{AtomicUsize, Ordering};

/// The queue.
#[derive(Debug)]
pub(crate) struct Tied {
    list: Lock<List<G>>,
    len: AtomicUsize,
}

impl Tied {
    /// An empty queue.
    pub(crate) const fn new() -> Tied {
        Tied { list: Lock::new(List::new()), len: AtomicUsize::new(0) }
    }

    /// How many are inside, at some moment.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Acquire: pairs with Release in `push`; whoever sees the length finds the members.
        self.len.load(Ordering::Acquire)
    }

    /// Appends `g`, which is tied to an M, and whose turn comes when `turn` have been taken from the global queue.
    pub(crate) fn push(&self, g: NonNull<G>, turn: u64) {
        let mut list = self.list.lock();
        // SAFETY: its thread waits, so it is alive.
        if let Some(m) = unsafe { g.as_ref() }.tied() {
            m.turn.set(turn);
        }
        list.push(g);
        // Release: pairs with Acquire in `len`.
        self.len.store(list.len(), Ordering::Release);
    }

    /// Takes the oldest if its turn has come with `taken`.
    pub(crate) fn take(&self, taken: u64) -> Option<NonNull<G>> {
        if self.len() == 0 {
            return None;
        }
        let mut list = self.list.lock();
        let first = list.peek()?;
        // SAFETY: as in `push`.
        let turn = unsafe { first.as_ref() }.tied().map_or(0, |m| m.turn.get());
        if turn > taken {
            return None;
        }
        let first = list.pop();
        // Release: pairs with Acquire in `len`.
        self.len.store(list.len(), Ordering::Release);
        first
    }
}
