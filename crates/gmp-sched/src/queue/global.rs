//! The queue that all Ps share: a locked FIFO with its length beside it.
//!
//! It takes what belongs to no P: goroutines made ready by foreign threads and by pollers without a P,
//! the overflow of full rings, and those that were preempted, which thereby go behind everybody else. The
//! length is read without the lock, so that looking at an empty queue costs one load. A lock-free
//! injector was considered; batches make the lock rare, and chains linked through the Gs need no memory.
//!
//! The figures beside the lock are what W2 and I3 of `idle.md` look at: **Q1** whoever appends writes the new length before
//! it lets go of the lock, so that a fence after that shows it to whoever fences before looking.

use std::ptr::NonNull;

use crate::lock::Lock;
use crate::queue::list::{Linked, List};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, mutant};

/// The shared FIFO.
#[derive(Debug)]
pub(crate) struct Global<T: Linked> {
    list: Lock<List<T>>,
    figures: Figures,
}

impl<T: Linked> Global<T> {
    /// An empty queue.
    pub(crate) fn new() -> Global<T> {
        Global { list: Lock::new(List::new()), figures: Figures::new() }
    }

    /// How many have been taken out so far, at some moment.
    pub(crate) fn taken(&self) -> u64 {
        self.figures.taken()
    }

    /// How many will have been taken out when those that are inside now have been.
    pub(crate) fn end(&self) -> u64 {
        self.figures.end(&self.list.lock())
    }

    /// The greatest [`end`](Global::end) that has come, at some moment: any, when nobody is inside.
    pub(crate) fn served(&self) -> u64 {
        self.figures.served()
    }

    /// How many are inside, at some moment.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.figures.len()
    }

    /// Appends one.
    pub(crate) fn push(&self, item: NonNull<T>) {
        let mut one = List::new();
        one.push(item);
        self.push_all(&mut one);
    }

    /// Appends a chain.
    pub(crate) fn push_all(&self, items: &mut List<T>) {
        self.figures.append(&mut self.list.lock(), items);
    }

    /// Takes up to `n` from the front.
    pub(crate) fn take(&self, n: usize) -> List<T> {
        if n == 0 || self.len() == 0 {
            return List::new();
        }
        self.figures.take(&mut self.list.lock(), n)
    }
}

/// What is known of the list without its lock, and the list's operations, which keep it true.
#[derive(Debug)]
pub(super) struct Figures {
    len: AtomicUsize,
    /// How many have been taken out so far, for those who queue elsewhere and take turns with these.
    taken: AtomicU64,
}

impl Figures {
    pub(super) fn new() -> Figures {
        Figures { len: AtomicUsize::new(0), taken: AtomicU64::new(0) }
    }

    #[inline]
    fn len(&self) -> usize {
        // Acquire: pairs with Release in `append`; whoever sees the length finds the members.
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn taken(&self) -> u64 {
        // Relaxed: a figure to compare.
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) fn end<T: Linked>(&self, list: &List<T>) -> u64 {
        self.taken() + list.len() as u64
    }

    pub(super) fn served(&self) -> u64 {
        if self.len() == 0 { u64::MAX } else { self.taken() }
    }

    /// Appends `items` to the locked `list`.
    pub(super) fn append<T: Linked>(&self, list: &mut List<T>, items: &mut List<T>) {
        let before = list.len();
        list.append(items);
        let len = if mutant("global_len_of_before") { before } else { list.len() };
        // Release: pairs with Acquire in `len` (Q1).
        self.len.store(len, Ordering::Release);
    }

    /// Takes up to `n` from the front of the locked `list`.
    pub(super) fn take<T: Linked>(&self, list: &mut List<T>, n: usize) -> List<T> {
        let mut taken = List::new();
        while taken.len() < n {
            let Some(item) = list.pop() else { break };
            taken.push(item);
        }
        // Relaxed: written under the lock only.
        self.taken.store(self.taken() + taken.len() as u64, Ordering::Relaxed);
        // Release: pairs with Acquire in `len`.
        self.len.store(list.len(), Ordering::Release);
        taken
    }
}

#[cfg(test)]
#[path = "global_tests.rs"]
mod tests;
