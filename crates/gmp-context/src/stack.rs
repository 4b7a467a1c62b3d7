//! Stack: one slot of a pool's slab, owned by whoever took it.
//!
//! A stack is address space: `size` bytes that cost nothing until they are touched, above a guard that faults. It grows by
//! being used, page by page, and gives its pages back when the pool is trimmed. `pool.rs` makes and recycles stacks;
//! anybody may hold one.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::slab::Slab;

/// Number of different offsets of the initial stack pointer, in cache lines. 16 lines are a quarter of the sets of a usual
/// L1 cache; more would spread better, but cost stacks that fit into their one page a second one.
const COLOURS: u32 = 16;

/// Bytes of a cache line.
const LINE: usize = 64;

/// An exclusive stack, taken from a [`StackPool`](crate::StackPool).
///
/// It must go back by [`StackPool::give`](crate::StackPool::give). Dropping it instead leaks it, and fails a debug
/// assertion.
pub struct Stack {
    limit: NonNull<u8>,
    slab: &'static Slab,
    slot: u32,
    /// Logarithm of the size: the getters below need no look into the slab.
    class: u32,
}

// SAFETY: a stack is memory that nobody else refers to; it is tied to no thread.
unsafe impl Send for Stack {}
// SAFETY: shared, it only tells addresses.
unsafe impl Sync for Stack {}

// A stack has no invariants of its own that a panic could break.
impl std::panic::UnwindSafe for Stack {}
impl std::panic::RefUnwindSafe for Stack {}

impl Stack {
    /// The stack of a slot that has just been taken from `slab`.
    pub(crate) fn new(slab: &'static Slab, slot: u32) -> Stack {
        let class = slab.size().trailing_zeros();
        Stack { limit: slab.limit(slot), slab, slot, class }
    }

    /// Where the slot goes back to.
    pub(crate) fn into_slot(self) -> (&'static Slab, u32) {
        let this = ManuallyDrop::new(self);
        (this.slab, this.slot)
    }

    /// Number of the pool that it came from.
    pub(crate) fn owner(&self) -> u32 {
        self.slab.owner()
    }

    /// Where to start: 16-aligned, and at most a KiB below the end of the memory.
    ///
    /// Coloured: neighbouring stacks start at different cache lines of their page, so that the hot frames of many stacks
    /// do not compete for the same sets of the L1 cache. What lies above is not used by the pool either.
    #[inline]
    pub fn top(&self) -> NonNull<u8> {
        let colour = (self.slot % COLOURS) as usize * LINE;
        // SAFETY: the smallest stack is 16 KiB, so this stays inside.
        unsafe { self.limit.add(self.size() - colour) }
    }

    /// Lowest usable byte; the guard lies below it.
    #[inline]
    pub fn limit(&self) -> NonNull<u8> {
        self.limit
    }

    /// Bytes between [`limit`](Stack::limit) and the end of the memory.
    #[inline]
    pub fn size(&self) -> usize {
        1 << self.class
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        debug_assert!(std::thread::panicking(), "gmp: a stack was dropped instead of given back");
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("limit", &self.limit).field("size", &self.size()).finish()
    }
}

/// Bytes of a stack unless asked otherwise: 256 KiB, but 1 MiB in debug builds, whose frames are several times larger.
///
/// Address space, of which only what is used costs memory.
pub fn default_stack_size() -> usize {
    if cfg!(debug_assertions) { 1 << 20 } else { 256 << 10 }
}
