//! The run queue of one P: a ring of 256, filled and emptied by its owner, robbed by everybody.
//!
//! ```text
//!            head (owner and thieves, by CAS)      tail (owner only)
//!              │                                     │
//!   ┌───┬───┬──▼┬───┬───┬───┬───┬───┬───┬───┬───┬────▼┬───┬───┐
//!   │   │   │ G │ G │ G │ G │ G │ G │ G │ G │ G │     │   │   │   slot = index mod 256
//!   └───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴─────┴───┴───┘
//!              ◀── a thief claims the older half by one CAS ──▶
//! ```
//!
//! Indices only grow (and wrap at 2^32). Steps, cited below:
//! - **L1** the owner writes a slot, then publishes it by moving `tail` (Release).
//! - **L2** a thief reads `head`, then `tail`, copies the older half, then claims it by CAS on `head`. If
//!   the CAS fails somebody else took from the front meanwhile, and the copy is thrown away.
//! - **L3** the owner reuses a slot only after seeing, by Acquire on `head`, that it was claimed: the
//!   claimant's copy came before its CAS (Release), so it never copies the new tenant.
//!
//! The shape is Go's (`runqput`, `runqgrab`); tokio's two-headed variant, in which the thief claims first
//! and copies later, allows one thief at a time and was not needed: a lost copy is 128 loads.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, AtomicU32, Ordering, mutant};

/// Slots of a ring: Go's and tokio's figure. Larger rings keep more work out of sight of idle Ps' global
/// look-ups; smaller ones spill more often. Under loom four, so that models wrap and fill it.
#[cfg(not(loom))]
pub(crate) const CAPACITY: u32 = 256;
#[cfg(loom)]
pub(crate) const CAPACITY: u32 = 4;

/// The ring. Elements are pointers that the queue owns while they are inside.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    head: AtomicU32,
    tail: AtomicU32,
    slots: Box<[AtomicPtr<T>]>,
}

/// The owner's side: pushing and popping one at a time.
#[derive(Debug)]
pub(crate) struct Owner<'a, T>(&'a Ring<T>);

impl<T> Ring<T> {
    /// An empty ring.
    pub(crate) fn new() -> Ring<T> {
        Ring {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            slots: (0..CAPACITY).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
        }
    }

    /// The owner's side.
    ///
    /// # Safety
    ///
    /// One thread at a time may use owners of a ring, and passing that right on must order memory (as
    /// handing over a P does).
    #[inline]
    pub(crate) unsafe fn owner(&self) -> Owner<'_, T> {
        Owner(self)
    }

    /// How many elements were inside at some moment during the call.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // Acquire: keeps the two loads in order, so that the difference is never negative by reordering.
        let head = self.head.load(Ordering::Acquire);
        // Acquire: pairs with Release in `Owner::push` (L1).
        let tail = self.tail.load(Ordering::Acquire);
        tail.wrapping_sub(head).min(CAPACITY)
    }

    /// Whether nothing was inside at some moment during the call.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn slot(&self, index: u32) -> &AtomicPtr<T> {
        &self.slots[(index % CAPACITY) as usize]
    }

    /// Claims the older half (rounded up) and passes it to `each` in order. Returns how many. Any thread.
    pub(crate) fn steal_half(&self, batch: &mut Batch<T>) -> usize {
        debug_assert!(batch.is_empty());
        // Acquire: pairs with the AcqRel of other takers' CAS; see `len` for the order of the two loads.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let order =
                if mutant!("ring_tail_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
            // Acquire: pairs with Release in `Owner::push` (L1); the slots up to `tail` are written.
            let len = self.tail.load(order).wrapping_sub(head);
            // Beyond the capacity the two loads do not belong together: `tail` is from before `head` moved past
            // it, or `head` from a turn of the ring ago. Then nothing was stolen; whoever is about to sleep
            // looks again behind a fence (idle.md, I4).
            if len == 0 || len > CAPACITY {
                return 0;
            }
            let n = len - len / 2;
            for i in 0..n {
                // Relaxed: L2 and L3 order the slots; a torn copy is thrown away.
                batch.0[i as usize] = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
            }
            if mutant!("ring_steal_store") {
                self.head.store(head.wrapping_add(n), Ordering::Release);
                batch.1 = n as usize;
                return n as usize;
            }
            // Release: the copies above are done before the owner sees the slots free (L3).
            // Acquire: for the next turn, as above.
            match self.head.compare_exchange(
                head,
                head.wrapping_add(n),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    batch.1 = n as usize;
                    return n as usize;
                }
                Err(now) => head = now,
            }
        }
    }
}

impl<T> Owner<'_, T> {
    /// Appends `item`; gives it back when the ring is full.
    #[inline]
    pub(crate) fn push(&mut self, item: NonNull<T>) -> Result<(), NonNull<T>> {
        let ring = self.0;
        // Acquire: pairs with Release of the takers' CAS; their copies are done (L3).
        let head = ring.head.load(Ordering::Acquire);
        // Relaxed: only the owner writes `tail`, and this is the owner.
        let tail = ring.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) >= CAPACITY {
            return Err(item);
        }
        // Relaxed: published by the store of `tail`.
        ring.slot(tail).store(item.as_ptr(), Ordering::Relaxed);
        let order =
            if mutant!("ring_push_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `steal_half` and `len` (L1); publishes the slot and the element.
        ring.tail.store(tail.wrapping_add(1), order);
        Ok(())
    }

    /// Takes the oldest.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<NonNull<T>> {
        let ring = self.0;
        // Relaxed: the owner wrote every slot itself; the CAS below decides who has it.
        let mut head = ring.head.load(Ordering::Relaxed);
        loop {
            // Relaxed: only the owner writes `tail`.
            if ring.tail.load(Ordering::Relaxed) == head {
                return None;
            }
            // Relaxed: own writes.
            let item = ring.slot(head).load(Ordering::Relaxed);
            // Relaxed: no other memory is passed on; thieves that fail look again.
            match ring.head.compare_exchange(
                head,
                head.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return NonNull::new(item),
                Err(now) => head = now,
            }
        }
    }
}

/// Where a thief copies its loot: half a ring, on its stack.
#[derive(Debug)]
pub(crate) struct Batch<T>([*mut T; CAPACITY as usize], usize);

impl<T> Batch<T> {
    /// An empty batch.
    pub(crate) fn new() -> Batch<T> {
        Batch([ptr::null_mut(); CAPACITY as usize], 0)
    }

    fn is_empty(&self) -> bool {
        self.1 == 0
    }

    /// What was stolen, oldest first; the batch is empty after.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = NonNull<T>> + '_ {
        let n = std::mem::take(&mut self.1);
        self.0[..n].iter().filter_map(|p| NonNull::new(*p))
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
