//! The queue that all Ps share: a locked FIFO with its length beside it.
//!
//! It takes what belongs to no P: goroutines made ready by foreign threads and by pollers without a P,
//! the overflow of full rings, and those that were preempted, which thereby go behind everybody else. The
//! length is read without the lock, so that looking at an empty queue costs one load. A lock-free
//! injector was considered; batches make the lock rare, and chains linked through the Gs need no memory.

use std::ptr::NonNull;

use crate::lock::Lock;
use crate::queue::list::{Linked, List};
use crate::sync::plain::{AtomicU64, AtomicUsize, Ordering};

/// The shared FIFO.
#[derive(Debug)]
pub(crate) struct Global<T: Linked> {
    list: Lock<List<T>>,
    len: AtomicUsize,
    /// How many have been taken out so far, for those who queue elsewhere and take turns with these.
    taken: AtomicU64,
}

impl<T: Linked> Global<T> {
    /// An empty queue.
    pub(crate) const fn new() -> Global<T> {
        Global { list: Lock::new(List::new()), len: AtomicUsize::new(0), taken: AtomicU64::new(0) }
    }

    /// How many have been taken out so far, at some moment.
    pub(crate) fn taken(&self) -> u64 {
        // Relaxed: a figure to compare.
        self.taken.load(Ordering::Relaxed)
    }

    /// How many are inside, at some moment.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Acquire: pairs with Release in `push_all`; whoever sees the length finds the members.
        self.len.load(Ordering::Acquire)
    }

    /// Appends one.
    pub(crate) fn push(&self, item: NonNull<T>) {
        let mut one = List::new();
        one.push(item);
        self.push_all(&mut one);
    }

    /// Appends a chain.
    pub(crate) fn push_all(&self, items: &mut List<T>) {
        let mut list = self.list.lock();
        list.append(items);
        // Release: pairs with Acquire in `len`.
        self.len.store(list.len(), Ordering::Release);
    }

    /// Takes up to `n` from the front.
    pub(crate) fn take(&self, n: usize) -> List<T> {
        let mut taken = List::new();
        if n == 0 || self.len() == 0 {
            return taken;
        }
        let mut list = self.list.lock();
        while taken.len() < n {
            let Some(item) = list.pop() else { break };
            taken.push(item);
        }
        // Relaxed: written under the lock only.
        let before = self.taken.load(Ordering::Relaxed);
        self.taken.store(before + taken.len() as u64, Ordering::Relaxed); // Relaxed: as above.
        // Release: pairs with Acquire in `len`.
        self.len.store(list.len(), Ordering::Release);
        taken
    }
}
