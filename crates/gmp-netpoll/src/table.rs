//! Slots for descriptors: type-stable memory with generations, against events that come too late.
//!
//! The kernel hands back a number that was given at registration. By then the descriptor may be closed and
//! its slot in use for another one. So the number carries the slot's generation, and an event whose
//! generation has passed is dropped. The look-up needs no lock and cannot fault: slots are never freed
//! while the table lives, and a slot only ever holds descriptors.
//!
//! ```text
//!   key      63        32 31         0
//!           ┌────────────┬────────────┐
//!           │ generation │ slot index │      generations start at 1
//!           └────────────┴────────────┘
//!   chunks  [0]: 64 slots  [1]: 128  [2]: 256  …  [23]: 512 Mi      allocated once, by the one who needs it
//!   free    64-bit head: count of pops and pushes │ index + 1 of the first; slots link by index + 1
//! ```
//!
//! The free list is a Treiber stack. Its known trouble (the head is popped and pushed back between another
//! popper's read and exchange) is met by the count in the head; reading the link of a slot that was taken
//! meanwhile is harmless as slots are never freed. A lock would do as well but for one thing: a goroutine
//! can be stopped by preemption while it holds one.
//!
//! A generation wraps after 2³² uses of one slot: a stale event would have to stay in the kernel's queue
//! for hours of nothing but connection churn, past every poll. Even then it could only cause one vain attempt.

use std::ptr;

use crate::desc::{Desc, Direction};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, mutant};

/// Slots in the first chunk, a power of two; each further chunk doubles. loom cannot follow many atomics.
const FIRST: u32 = if cfg!(loom) { 1 } else { 64 };

/// Chunks: together 2³⁰ slots, as many descriptors as Linux lets a process have.
const CHUNKS: usize = 24;

/// What the poller keeps of one descriptor. A cache line, so that two busy sockets do not share one.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    words: [Desc; 2],
    /// The generation for which the peer hung up in this direction, so that a short transfer does not
    /// mean that the next edge is still to come. A generation, not a flag: a stale note is then no note.
    hung_up: [AtomicU32; 2],
    generation: AtomicU32,
    /// Index + 1 of the next free slot.
    next: AtomicU32,
}

impl Slot {
    fn new() -> Slot {
        Slot {
            words: [Desc::new(), Desc::new()],
            hung_up: [AtomicU32::new(0), AtomicU32::new(0)],
            generation: AtomicU32::new(1),
            next: AtomicU32::new(0),
        }
    }

    /// The word of `direction`.
    #[inline]
    pub(crate) fn word(&self, direction: Direction) -> &Desc {
        &self.words[direction as usize]
    }

    /// Which descriptor of its history the slot holds.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with Release in `Table::release`; a stale event must not see older words.
        self.generation.load(Ordering::Acquire)
    }

    /// Notes a hang-up. Precedes the event that publishes it.
    pub(crate) fn note_hang_up(&self, direction: Direction, generation: u32) {
        // Relaxed: `Desc::event`, which follows, releases it.
        self.hung_up[direction as usize].store(generation, Ordering::Relaxed);
    }

    /// Whether a hang-up was noted for this generation.
    #[inline]
    pub(crate) fn hung_up(&self, direction: Direction, generation: u32) -> bool {
        // Relaxed: ordered by `Desc::consume`, which took the event's edge.
        self.hung_up[direction as usize].load(Ordering::Relaxed) == generation
    }
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Table {
    chunks: [AtomicPtr<Slot>; CHUNKS],
    free: AtomicU64,
    /// How many slots were ever used; those from here on are fresh.
    used: AtomicU32,
}

/// Chunk and place in it.
#[inline]
fn locate(index: u32) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2();
    (chunk as usize, (index - FIRST * ((1 << chunk) - 1)) as usize)
}

fn chunk_len(chunk: usize) -> usize {
    (FIRST as usize) << chunk
}

impl Table {
    /// A table without slots.
    pub(crate) fn new() -> Table {
        Table {
            chunks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            free: AtomicU64::new(0),
            used: AtomicU32::new(0),
        }
    }

    /// The slot of an index that [`take`](Table::take) has given out at some time.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Slot> {
        let (chunk, place) = locate(index);
        // Acquire: pairs with Release in `grow`; the slots are initialised.
        let first = self.chunks.get(chunk)?.load(Ordering::Acquire);
        if first.is_null() {
            return None;
        }
        // SAFETY: `locate` gives a place below the chunk's length.
        let slot = unsafe { first.add(place) };
        // SAFETY: an initialised slot of a chunk that lives as long as the table.
        Some(unsafe { &*slot })
    }

    /// A slot nobody uses, opened for a new descriptor, or `None` when all are in use. Allocates when the
    /// table grows, so it is called outside critical sections.
    pub(crate) fn take(&self) -> Option<(u32, &Slot)> {
        let index = match self.pop() {
            Some(index) => index,
            None => self.fresh()?,
        };
        let slot = self.get(index)?;
        for word in &slot.words {
            word.reopen();
        }
        Some((index, slot))
    }

    /// Gives a slot back. Its words are closed, the kernel no longer reports it, except what it has
    /// reported already: the generation moves on, so that is stale.
    pub(crate) fn release(&self, index: u32) {
        let Some(slot) = self.get(index) else { return };
        // Relaxed: only the slot's owner, who is the caller, writes the generation.
        let next = slot.generation.load(Ordering::Relaxed).wrapping_add(1).max(1);
        // Release: pairs with Acquire in `Slot::generation`.
        slot.generation.store(next, Ordering::Release);
        // Relaxed: a first guess for the exchange below.
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            // Relaxed: the exchange below releases the link.
            slot.next.store(head as u32, Ordering::Relaxed);
            // AcqRel: Release pairs with Acquire in `pop`; publishes the link and the closed words.
            match self.free.compare_exchange_weak(
                head,
                pack(head, index + 1),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    fn pop(&self) -> Option<u32> {
        // Acquire: pairs with Release in `release`; the first slot's link is visible.
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            // Relaxed: published with the head. If the slot was taken meanwhile the value is of no use,
            // and the exchange fails by the count.
            let next = self.get(index)?.next.load(Ordering::Relaxed);
            // AcqRel: Acquire as above; Release keeps the chain of those who pushed before visible.
            match self.free.compare_exchange_weak(
                head,
                pack(head, next),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(seen) => head = seen,
            }
        }
    }

    fn fresh(&self) -> Option<u32> {
        // Relaxed: the number itself is the claim; the chunk is published by its own pointer.
        let index = self.used.fetch_add(1, Ordering::Relaxed);
        let (chunk, _) = locate(index);
        if chunk >= CHUNKS {
            // Relaxed: undoes the claim, so that the count cannot run round.
            self.used.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // Relaxed: a hint; `grow` settles it.
        if self.chunks[chunk].load(Ordering::Relaxed).is_null() {
            self.grow(chunk);
        }
        Some(index)
    }

    #[cold]
    fn grow(&self, chunk: usize) {
        let slots: Box<[Slot]> = (0..chunk_len(chunk)).map(|_| Slot::new()).collect();
        let first = Box::into_raw(slots).cast::<Slot>();
        // Release: pairs with Acquire in `get`; publishes the initialised slots.
        if self.chunks[chunk]
            .compare_exchange(ptr::null_mut(), first, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            // SAFETY: this chunk lost the race and was never published.
            unsafe { free_chunk(first, chunk) };
        }
    }
}

/// The head after one more change.
fn pack(head: u64, first: u32) -> u64 {
    let count = if mutant("desc_table_uncounted") { 0 } else { (head >> 32).wrapping_add(1) << 32 };
    count | u64::from(first)
}

/// # Safety
///
/// `first` must be what `grow` made for this chunk, and nobody else may use it.
unsafe fn free_chunk(first: *mut Slot, chunk: usize) {
    let slots = ptr::slice_from_raw_parts_mut(first, chunk_len(chunk));
    // SAFETY: made by `Box::into_raw` of a box of this length (contract).
    drop(unsafe { Box::from_raw(slots) });
}

impl Drop for Table {
    fn drop(&mut self) {
        for (chunk, first) in self.chunks.iter().enumerate() {
            // Relaxed: `&mut self`.
            let first = first.load(Ordering::Relaxed);
            if !first.is_null() {
                // SAFETY: the table is the owner, and nobody else has it any more.
                unsafe { free_chunk(first, chunk) };
            }
        }
    }
}

#[cfg(test)]
mod tests;
