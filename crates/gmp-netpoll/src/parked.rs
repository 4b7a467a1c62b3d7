//! How many are parked on descriptors: a count that busy sockets on many cores do not fight over.
//!
//! A scheduler asks in order to know whether anybody must poll at all, and whether a process in which
//! nothing runs can still go on. One counter would be written by every wait and wake-up of the process;
//! so there are several, each on a cache line, and a descriptor uses the one its slot number picks.

use crate::sync::plain::{AtomicUsize, Ordering};

/// Counters; a power of two. More make `total` dearer, fewer bring collisions back; 8 lines are 0.1 µs cold.
const SHARDS: usize = 8;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicUsize);

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Parked([Shard; SHARDS]);

impl Parked {
    /// One is about to park on this slot's descriptor. Before it can be seen there, so that the count is
    /// never too low for a waiter that is.
    #[inline]
    pub(crate) fn enter(&self, slot: u32) {
        // Relaxed: a count. Who parks and then looks for something to do sees its own write; others are
        // ordered by the protocol by which they go idle.
        self.0[slot as usize % SHARDS].0.fetch_add(1, Ordering::Relaxed);
    }

    /// One left the descriptor.
    #[inline]
    pub(crate) fn leave(&self, slot: u32) {
        // Relaxed: as in `enter`.
        self.0[slot as usize % SHARDS].0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn total(&self) -> usize {
        // Relaxed: as in `enter`.
        self.0.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
    }
}
