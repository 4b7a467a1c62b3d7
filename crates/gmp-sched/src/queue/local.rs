//! The run queue of one P: a ring of 2,048, filled and emptied by its owner, robbed by everybody.
//!
//! ```text
//!            head (owner and thieves, by CAS)      tail (owner only)
//!              │                                     │
//!   ┌───┬───┬──▼┬───┬───┬───┬───┬───┬───┬───┬───┬────▼┬───┬───┐
//!   │   │   │ G │ G │ G │ G │ G*│ G │ G │ G*│ G*│     │   │   │   slot = index mod 2,048; * fresh
//!   └───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴───┴─────┴───┴───┘
//!              ◀── a thief claims the older half by one CAS ──▶
//!
//!   head   63 ................ 16 15 ..... 0      moving on by n adds n, taking back adds 2^16:
//!         ┌──────────────────────┬──────────┐     the word only grows, so no value comes again, and a thief's
//!         │ times taken back     │  index   │     CAS fails if anything was taken at either end meanwhile
//!         └──────────────────────┴──────────┘
//! ```
//!
//! The owner takes from the front, the oldest, like everybody. Goroutines that have not begun are marked *fresh*, and the
//! owner may take those back from the end, the newest first: a tree of goroutines is then walked depth first, with
//! a handful of them alive instead of a whole level, while thieves get the oldest and largest parts. Steps, cited below:
//! - **L1** the owner writes a slot, then publishes it by moving `tail` (Release).
//! - **L2** a thief reads `head`, then `tail`, copies the older half, then claims it by CAS on `head`. If
//!   the CAS fails somebody else took something meanwhile, and the copy is thrown away.
//! - **L3** the owner reuses a slot only after seeing, by Acquire on `head`, that it was claimed: the
//!   claimant's copy came before its CAS (Release), so it never copies the new tenant.
//! - **L4** taking back: the owner lowers `tail`, then moves `head`'s count of such takes by CAS (Release). A thief
//!   that read `head` before fails; one that reads it after sees the lower `tail`. If the CAS fails a thief was
//!   faster: the owner raises `tail` again and looks what is left.
//!
//! The shape is Go's (`runqput`, `runqgrab`) but for L4, which owes to Chase and Lev's deque that the owner works at
//! one end and thieves at the other. tokio's two-headed variant, in which the thief claims first and copies later, allows
//! one thief at a time and was not needed: a lost copy is a thousand loads at most.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, mutant};

/// Slots of a ring, 16 KiB. Go and tokio have 256. Whoever spawns more than fit sends half of them through the global
/// queue, which links them with a write to each; with 256, batches of 1,000 took 62 ns each on one P, with this 38.
/// Under loom four, so that models wrap and fill it.
#[cfg(not(loom))]
pub(crate) const CAPACITY: u32 = 2048;
#[cfg(loom)]
pub(crate) const CAPACITY: u32 = 4;

/// Added to `head` when the owner takes one back.
const TAKEN_BACK: u64 = 1 << 16;

/// Marks a fresh element in its slot; elements are aligned to more than a byte.
const FRESH: usize = 1;

/// The ring. Elements are pointers that the queue owns while they are inside.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    head: AtomicU64,
    tail: AtomicU32,
    slots: Box<[AtomicPtr<T>; CAPACITY as usize]>,
}

/// The owner's side: pushing and popping one at a time.
#[derive(Debug)]
pub(crate) struct Owner<'a, T>(&'a Ring<T>);

/// An element, and whether it is fresh.
#[derive(Debug)]
pub(crate) struct Tagged<T>(*mut T);

impl<T> Tagged<T> {
    /// `item`, which has not begun if `fresh`.
    #[inline]
    pub(crate) fn new(item: NonNull<T>, fresh: bool) -> Tagged<T> {
        const { assert!(align_of::<T>() > FRESH) };
        Tagged(item.as_ptr().map_addr(|a| a | if fresh { FRESH } else { 0 }))
    }

    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.0.addr() & FRESH != 0
    }

    /// The element; none in a slot that was never filled.
    #[inline]
    pub(crate) fn item(&self) -> Option<NonNull<T>> {
        NonNull::new(self.0.map_addr(|a| a & !FRESH))
    }
}

/// Elements between the indices: 0 if the two do not belong together, see `steal_half`.
#[inline]
fn between(head: u64, tail: u32) -> u32 {
    u32::from((tail as u16).wrapping_sub(head as u16))
}

impl<T> Ring<T> {
    /// An empty ring.
    pub(crate) fn new() -> Ring<T> {
        let slots: Box<[_]> = (0..CAPACITY).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        let Ok(slots) = slots.try_into() else { unreachable!("as many as there are") };
        Ring { head: AtomicU64::new(0), tail: AtomicU32::new(0), slots }
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

    /// How many elements were inside at some moment during the call; when the owner is taking back its last one,
    /// or the loads do not belong together, more.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // Acquire: keeps the two loads in order.
        let head = self.head.load(Ordering::Acquire);
        // Acquire: pairs with Release in `Owner::push` (L1).
        let tail = self.tail.load(Ordering::Acquire);
        between(head, tail).min(CAPACITY)
    }

    /// Whether nothing was inside at some moment during the call.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn slot(&self, index: u64) -> &AtomicPtr<T> {
        &self.slots[(index % u64::from(CAPACITY)) as usize]
    }

    /// Claims the older half (rounded up) and leaves it in `batch`, in order. Returns how many. Any thread.
    pub(crate) fn steal_half(&self, batch: &mut Batch<T>) -> usize {
        debug_assert!(batch.is_empty());
        // Acquire: pairs with the AcqRel of other takers' CAS and with L4; see `len` for the order of the two loads.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let order =
                if mutant("ring_tail_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
            // Acquire: pairs with Release in `Owner::push` (L1); the slots up to `tail` are written.
            let len = between(head, self.tail.load(order));
            // Beyond the capacity the two loads do not belong together: `tail` is from before `head` moved past it,
            // `head` from a turn of the ring ago, or the owner is about to raise `tail` again (L4). Then nothing was
            // stolen; whoever is about to sleep looks again behind a fence (idle.md, I4).
            if len == 0 || len > CAPACITY {
                return 0;
            }
            let n = len - len / 2;
            for i in 0..n {
                // Relaxed: L2 and L3 order the slots; a torn copy is thrown away.
                let item = self.slot(head.wrapping_add(i.into())).load(Ordering::Relaxed);
                batch.slots[i as usize].write(item);
            }
            if mutant("ring_steal_store") {
                self.head.store(head.wrapping_add(n.into()), Ordering::Release);
                batch.len = n as usize;
                return n as usize;
            }
            // Release: the copies above are done before the owner sees the slots free (L3).
            // Acquire: for the next turn, as above.
            match self.head.compare_exchange(
                head,
                head.wrapping_add(n.into()),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    batch.len = n as usize;
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
    pub(crate) fn push(&mut self, item: Tagged<T>) -> Result<(), Tagged<T>> {
        let ring = self.0;
        // Acquire: pairs with Release of the takers' CAS; their copies are done (L3).
        let head = ring.head.load(Ordering::Acquire);
        // Relaxed: only the owner writes `tail`, and this is the owner.
        let tail = ring.tail.load(Ordering::Relaxed);
        if between(head, tail) >= CAPACITY {
            return Err(item);
        }
        // Relaxed: published by the store of `tail`.
        ring.slot(tail.into()).store(item.0, Ordering::Relaxed);
        let order = if mutant("ring_push_relaxed") { Ordering::Relaxed } else { Ordering::Release };
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
            if between(head, ring.tail.load(Ordering::Relaxed)) == 0 {
                return None;
            }
            // Relaxed: own writes.
            let item = Tagged(ring.slot(head).load(Ordering::Relaxed));
            // Relaxed: no other memory is passed on; thieves that fail look again. As a read-modify-write it also
            // passes on what L4 published.
            match ring.head.compare_exchange(
                head,
                head.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return item.item(),
                Err(now) => head = now,
            }
        }
    }

    /// Takes the newest back, if it is fresh (L4).
    #[inline]
    pub(crate) fn take_back(&mut self) -> Option<NonNull<T>> {
        let ring = self.0;
        // Relaxed: only the owner writes `tail`.
        let tail = ring.tail.load(Ordering::Relaxed);
        // Relaxed: the CAS below decides.
        let mut head = ring.head.load(Ordering::Relaxed);
        loop {
            if between(head, tail) == 0 {
                return None;
            }
            let last = tail.wrapping_sub(1);
            // Relaxed: own writes.
            let item = Tagged(ring.slot(last.into()).load(Ordering::Relaxed));
            if !item.is_fresh() {
                return None;
            }
            // Release: pairs with Acquire in `steal_half`: what lies below is published by this store, too.
            ring.tail.store(last, Ordering::Release);
            let next = if mutant("ring_take_back_uncounted") {
                head
            } else {
                head.wrapping_add(TAKEN_BACK)
            };
            // Release: whoever reads this `head`, or a later one, sees the lower `tail` (L4).
            match ring.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return item.item(),
                Err(now) => head = now,
            }
            // A thief was faster. Release: as in `push`.
            ring.tail.store(tail, Ordering::Release);
        }
    }
}

/// Where a thief copies its loot: half a ring, on its stack. Never written but where loot lies.
pub(crate) struct Batch<T> {
    slots: [MaybeUninit<*mut T>; CAPACITY as usize / 2],
    len: usize,
}

impl<T> std::fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T> Batch<T> {
    /// An empty batch.
    pub(crate) fn new() -> Batch<T> {
        Batch { slots: [const { MaybeUninit::uninit() }; CAPACITY as usize / 2], len: 0 }
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was stolen, oldest first; the batch is empty after.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Tagged<T>> + '_ {
        let n = std::mem::take(&mut self.len);
        // SAFETY: `steal_half` has written the first `len`.
        self.slots[..n].iter().map(|slot| Tagged(unsafe { slot.assume_init() }))
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
