//! Stack: one slot of a pool's slab, owned by whoever took it.
//!
//! A stack is address space: `size` bytes that cost nothing until they are touched, above a guard that faults. It grows by
//! being used, page by page, and gives its pages back when the pool is trimmed. `pool.rs` makes and recycles stacks;
//! anybody may hold one.

use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::slab::Slab;

/// Number of different offsets of the initial stack pointer, in cache lines. 16 lines are a quarter of the sets of a usual
/// L1 cache; more would spread better, but cost stacks that fit into their one page a second one.
const COLOURS: u32 = 16;

/// Bytes of a cache line.
const LINE: usize = 64;

/// What is known of a stack that is handed out. It lies above its top, in the cache line that the first frame uses, too:
/// so a [`Stack`] is one word, and looking something up touches nothing that is not in use anyway.
///
/// ```text
///  end of the slot
///  | colour: 0 to 15 lines, never touched |
///  | Header                               | 32 bytes
///  |======================================| <- top; a `Stack` is this address
///  | outermost frame                      |
/// ```
struct Header {
    limit: NonNull<u8>,
    slab: &'static Slab,
    slot: u32,
    /// Logarithm of the size.
    class: u32,
    /// For a [`StackCache`](crate::StackCache) that holds it: the one given to it before.
    next: Option<NonNull<Header>>,
}

const _: () = assert!(size_of::<Header>() == 32 && align_of::<Header>() <= 16);

/// An exclusive stack, taken from a [`StackPool`](crate::StackPool).
///
/// It must go back by [`StackPool::give`](crate::StackPool::give). Dropping it instead leaks it, and fails a debug
/// assertion.
pub struct Stack(NonNull<Header>);

// SAFETY: a stack is memory that nobody else refers to; it is tied to no thread.
unsafe impl Send for Stack {}
// SAFETY: shared, it only tells addresses.
unsafe impl Sync for Stack {}

// A stack has no invariants of its own that a panic could break.
impl core::panic::UnwindSafe for Stack {}
impl core::panic::RefUnwindSafe for Stack {}

impl Stack {
    /// The stack of a slot that has just been taken from `slab`. Touches its uppermost page.
    pub(crate) fn new(slab: &'static Slab, slot: u32) -> Stack {
        let class = slab.size().trailing_zeros();
        let limit = slab.limit(slot);
        let colour = (slot % COLOURS) as usize * LINE;
        // SAFETY: the smallest stack is 16 KiB, so this stays inside.
        let header = unsafe { limit.add((1 << class) - colour) }.cast::<Header>();
        // SAFETY: as above.
        let header = unsafe { header.sub(1) };
        // SAFETY: inside the slot, which is the caller's; aligned, since the end is to a page.
        unsafe { header.write(Header { limit, slab, slot, class, next: None }) };
        Stack(header)
    }

    /// Where the slot goes back to.
    pub(crate) fn into_slot(self) -> (&'static Slab, u32) {
        let this = ManuallyDrop::new(self);
        (this.header().slab, this.header().slot)
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: `new` wrote it, and only who owns or caches the stack touches it.
        unsafe { self.0.as_ref() }
    }

    /// Puts the stack in front of a list of free ones.
    #[inline]
    pub(crate) fn push_to(self, list: &Cell<Option<Listed>>) {
        let this = ManuallyDrop::new(self);
        let next = list.replace(Some(Listed(this.0)));
        // SAFETY: the stack was ours, and nobody else touches its header.
        unsafe { (*this.0.as_ptr()).next = next.map(|listed| listed.0) };
    }

    /// Takes the first stack out of such a list.
    #[inline]
    pub(crate) fn pop_from(list: &Cell<Option<Listed>>) -> Option<Stack> {
        let first = Stack(list.get()?.0);
        list.set(first.header().next.map(Listed));
        Some(first)
    }

    /// Logarithm of its size.
    #[inline]
    pub(crate) fn class(&self) -> u32 {
        self.header().class
    }

    /// Number of the pool that it came from.
    pub(crate) fn owner(&self) -> u32 {
        self.header().slab.owner()
    }

    /// Where to start: 16-aligned, and at most a KiB below the end of the memory.
    ///
    /// Coloured: neighbouring stacks start at different cache lines of their page, so that the hot frames of many stacks
    /// do not compete for the same sets of the L1 cache. What lies above belongs to the pool.
    #[inline]
    pub fn top(&self) -> NonNull<u8> {
        self.0.cast()
    }

    /// Lowest usable byte; the guard lies below it.
    #[inline]
    pub fn limit(&self) -> NonNull<u8> {
        self.header().limit
    }

    /// How deep it has been used since its pages were last given back: the bytes between the lowest page that is resident
    /// and the end of the memory. At least a page, the uppermost. One system call, about a microsecond.
    ///
    /// For a stack in use that is its high-water mark, a page being the unit.
    pub fn touched(&self) -> usize {
        crate::sys::resident_depth(self.limit(), self.size())
    }

    /// Bytes between [`limit`](Stack::limit) and the end of the memory.
    #[inline]
    pub fn size(&self) -> usize {
        1 << self.class()
    }
}

/// A stack in a list of free ones, which owns it.
#[derive(Clone, Copy)]
pub(crate) struct Listed(NonNull<Header>);

/// Whether a panic may be unwinding the caller. Without the feature `std` that cannot be asked: the program may have the
/// standard library all the same.
fn unwinding() -> bool {
    #[cfg(feature = "std")]
    return std::thread::panicking();
    #[cfg(not(feature = "std"))]
    true
}

impl Drop for Stack {
    fn drop(&mut self) {
        debug_assert!(unwinding(), "gmp: a stack was dropped instead of given back");
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("limit", &self.limit()).field("size", &self.size()).finish()
    }
}

/// Bytes of a stack unless asked otherwise: 256 KiB, but 1 MiB in debug builds, whose frames are several times larger.
///
/// Address space, of which only what is used costs memory.
pub fn default_stack_size() -> usize {
    if cfg!(debug_assertions) { 1 << 20 } else { 256 << 10 }
}
