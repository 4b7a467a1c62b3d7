//! A ring between one thread that writes and one that reads, without locks.
//!
//! ```text
//!   written ──▶ ░░▓▓▓▓▓▓░░ ◀── read        a place between the two is the reader's, the others are the writer's
//! ```
//!
//! - **W1** the writer looks whether the place after the last is free: `written` − `read` below the capacity.
//! - **W2** it fills the place, then moves `written` on.
//! - **V1** the reader takes `written`, and reads all places up to it.
//! - **V2** it moves `read` on, and with it gives the places back.

use std::fmt;
use std::ptr::NonNull;

use crate::sync::{AtomicU64, Ordering, mutant};

/// The ring. Its memory is the caller's.
pub(crate) struct Ring<T> {
    written: AtomicU64,
    read: AtomicU64,
    /// Events that there was no room for.
    lost: AtomicU64,
    places: NonNull<T>,
    capacity: u64,
}

// SAFETY: each place is one party's at a time (module doc).
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("written", &self.written).finish_non_exhaustive()
    }
}

impl<T> Ring<T> {
    /// An empty ring.
    ///
    /// # Safety
    ///
    /// `places` has room for `capacity` values, a power of two, aligned, for as long as the ring is used.
    pub(crate) unsafe fn new(places: NonNull<T>, capacity: u64) -> Ring<T> {
        debug_assert!(capacity.is_power_of_two());
        let zero = || AtomicU64::new(0);
        Ring { written: zero(), read: zero(), lost: zero(), places, capacity }
    }

    fn place(&self, at: u64) -> NonNull<T> {
        // A division would cost more than all the rest of an event but the clock.
        // SAFETY: inside the caller's memory.
        unsafe { self.places.add((at & (self.capacity - 1)) as usize) }
    }

    /// Has `fill` write the next place; false, and so many `events` more are lost, if the ring is full. One writer at a time.
    #[inline]
    pub(crate) fn put(&self, events: u64, fill: impl FnOnce(NonNull<T>)) -> bool {
        // Relaxed: only the writer writes it.
        let at = self.written.load(Ordering::Relaxed);
        let order = if mutant("trace_ring_blind") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire (W1): pairs with Release in `drain`: the reader has done with the place.
        if at - self.read.load(order) >= self.capacity {
            // Relaxed, both: a figure that only the writer writes.
            self.lost.store(self.lost.load(Ordering::Relaxed) + events, Ordering::Relaxed);
            return false;
        }
        fill(self.place(at));
        let order =
            if mutant("trace_ring_unpublished") { Ordering::Relaxed } else { Ordering::Release };
        self.written.store(at + 1, order); // Release (W2): pairs with Acquire in `drain`.
        true
    }

    /// How many events were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed) // Relaxed: a figure.
    }

    /// Shows every place that was filled, in order, and gives it back. One reader at a time.
    pub(crate) fn drain(&self, mut visit: impl FnMut(NonNull<T>)) {
        let end = self.written.load(Ordering::Acquire); // Acquire (V1): pairs with Release in `put`.
        let begin = self.read.load(Ordering::Relaxed); // Relaxed: only the reader writes it.
        if mutant("trace_ring_early") {
            self.read.store(end, Ordering::Release);
        }
        (begin..end).for_each(|at| visit(self.place(at)));
        self.read.store(end, Ordering::Release); // Release (V2): pairs with Acquire in `put`.
    }
}

#[cfg(test)]
#[path = "trace_ring_tests.rs"]
mod tests;
