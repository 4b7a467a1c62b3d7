//! Slabs: one mapping each, cut into stacks of one size class, and the registry of all of them.
//!
//! A mapping per stack would cost two system calls and, worse, one or two of the kernel's 65,530 mappings. So stacks are
//! slots of large mappings. What describes a slab lies outside of it, in memory that is never unmapped: the fault
//! handler walks the descriptors (`descriptor.rs`) without a lock while other threads map and unmap. `pool.rs` owns the slabs
//! of its classes, `guard.rs` only looks.
//!
//! ```text
//!  start            first                         first + stride
//!  | links, u32 × n | guard | stack 0 (size bytes) | guard | stack 1              | ...
//!                           ^ limit              ^ top
//! ```
//!
//! A link belongs to the slot of the same number. Links are not kept in the stacks: a free stack whose pages went back to
//! the kernel would cost a page again just to stand in a list.
//!
//! ```text
//!  link   0x0000_0000            no guard yet, hence not in the list (slots from `claimed` upwards)
//!         0x3fff_ffff LIVE       handed out
//!         next + 1, or END       free, in the list
//!           | bit 31 DIRTY         it has perhaps pages of its own
//!           | bit 30 DEEP          it has perhaps more of them than `SHALLOW` bytes
//! ```
//!
//! A slab is mapped without guards, which costs a microsecond whatever its size. Guards follow in *runs* of slots, as
//! stacks are asked for: whoever needs more claims a run under the lock, guards it without, and hands it in.

use core::cell::Cell;
use core::ptr::{self, NonNull};

use crate::descriptor::{Descriptor, Extent};
use crate::errno::Errno;
use crate::limits;
use crate::sync::plain::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use crate::sys;
use crate::tools;

const LIVE: u32 = 0x3fff_ffff;
const END: u32 = 0x3fff_fffe;
const DIRTY: u32 = 1 << 31;
const DEEP: u32 = 1 << 30;

/// Bytes at the top of a stack that it keeps when it is trimmed for reuse: what most that ever run need, so that trimming
/// them finds nothing, and few enough that the free ones do not matter.
pub(crate) const SHALLOW: usize = 16 << 10;

/// Bytes of the guard below a stack of `size` bytes: an odd number of pages.
///
/// More than one page for the larger classes, because C code compiled without stack probes may jump over a small guard.
/// Odd, so that the stride is odd in pages: with power-of-two strides the top pages of all stacks would compete for the
/// same few sets of the TLB. From 256 KiB on 3 pages, at most 15, which is less than 6 % of the address space.
pub(crate) fn guard_len(size: usize) -> usize {
    ((size >> 17) | 1).min(15) * sys::page_size()
}

/// One slab, or a descriptor waiting to become one. Never freed, so `&'static`.
#[repr(align(128))]
pub(crate) struct Slab {
    /// Where it lies and what it is cut into. The handler reads it.
    descriptor: Descriptor<AtomicUsize>,
    /// Which pool it belongs to; see `StackPool::id`.
    owner: AtomicU32,
    /// Slots guarded by `mprotect`.
    protected: AtomicU32,
    /// The rest, for the owner.
    pub(crate) state: State,
}

/// What changes while the slab is in use.
///
/// # Safety
/// Touched only under the lock of the class that owns the slab; of a descriptor that describes nothing, by who has claimed it.
pub(crate) struct State {
    /// Head of the list of free slots: `next + 1` as in a link, 0 when empty.
    free: Cell<u32>,
    /// Slots from here on have no guard, and nobody is giving them one.
    claimed: Cell<u32>,
    /// Slots that can be handed out or are.
    pub(crate) usable: Cell<u32>,
    /// Slots handed out or being guarded: while there are any the slab stays.
    pub(crate) live: Cell<u32>,
    /// Free slots that are marked `DEEP`.
    deep: Cell<u32>,
    /// Free slots that are marked `DIRTY`.
    dirty: Cell<u32>,
    /// Where the next walk of `trim.rs` goes on.
    pub(crate) swept: Cell<u32>,
    /// Neighbours among the class's slabs that have a free slot.
    pub(crate) newer: Cell<Option<&'static Slab>>,
    pub(crate) older: Cell<Option<&'static Slab>>,
    /// Next of all slabs of the class.
    pub(crate) next: Cell<Option<&'static Slab>>,
}

impl State {
    /// As of a slab in which nothing was ever used.
    fn reset(&self) {
        let State { free, claimed, usable, live, deep, dirty, swept, newer, older, next } = self;
        let counts = [free, claimed, usable, live, deep, dirty, swept];
        counts.into_iter().for_each(|count| count.set(0));
        [newer, older, next].into_iter().for_each(|link| link.set(None));
    }
}

// SAFETY: the cells are touched by one thread at a time (see `State`), everything else is atomic.
unsafe impl Sync for Slab {}

/// The slot that an address falls into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// First byte of the stack; the guard lies below.
    pub(crate) limit: usize,
    /// Past its last byte.
    pub(crate) top: usize,
}

impl Slab {
    /// Bytes of a stack.
    pub(crate) fn size(&self) -> usize {
        1 << self.descriptor.class()
    }

    /// Number of slots.
    pub(crate) fn slots(&self) -> u32 {
        self.descriptor.slots()
    }

    /// Number of the pool it belongs to.
    pub(crate) fn owner(&self) -> u32 {
        // Relaxed: constant while the caller owns the slab or a slot of it, published by the class lock.
        self.owner.load(Ordering::Relaxed)
    }

    /// Bytes of the whole mapping.
    pub(crate) fn len(&self) -> usize {
        len_of(self.descriptor.class(), self.slots())
    }

    /// Lowest usable byte of a slot.
    pub(crate) fn limit(&self, slot: u32) -> NonNull<u8> {
        let guard = guard_len(self.size());
        let offset = slot as usize * (self.size() + guard) + guard;
        mapped(self.descriptor.first() + offset)
    }

    fn link(&self, slot: u32) -> *mut u32 {
        let links = ptr::with_exposed_provenance_mut::<u32>(self.descriptor.start());
        links.wrapping_add(slot as usize)
    }

    /// Whether `take` has something to give. Under the class lock, as all that follow.
    pub(crate) fn has_free(&self) -> bool {
        self.state.free.get() != 0
    }

    /// The slot given back last or, if none was, one never used.
    pub(crate) fn take(&self) -> Option<u32> {
        let slot = self.state.free.get().checked_sub(1)?;
        // SAFETY: the link of one of our slots, under the lock.
        let link = unsafe { self.link(slot).read() };
        let next = link & !(DIRTY | DEEP);
        self.state.free.set(if next == END { 0 } else { next });
        self.unmark(link);
        // SAFETY: the link of one of our slots, under the lock.
        unsafe { self.link(slot).write(LIVE) };
        self.state.live.set(self.state.live.get() + 1);
        Some(slot)
    }

    /// Claims up to `n` slots that have no guard yet, for the caller to guard.
    pub(crate) fn claim(&'static self, n: u32) -> Option<Run> {
        let first = self.state.claimed.get();
        let count = n.min(self.slots() - first);
        if count == 0 {
            return None;
        }
        self.state.claimed.set(first + count);
        self.state.live.set(self.state.live.get() + count);
        Some(Run { slab: self, first, count })
    }

    /// Makes a run that has its guards available.
    pub(crate) fn hand_in(&self, run: &Run) {
        // Backwards, so that they are taken in the order of their addresses, which share page tables.
        for slot in (run.first..run.first + run.count).rev() {
            let limit = self.limit(slot).addr().get();
            tools::register(limit, limit + self.size());
            self.push(slot, 0);
        }
        self.state.usable.set(self.state.usable.get() + run.count);
        self.state.live.set(self.state.live.get() - run.count);
    }

    /// Takes back a claim whose guards the kernel refused. When others have claimed behind it, its slots stay unused.
    pub(crate) fn abandon(&self, run: &Run) {
        if self.state.claimed.get() == run.first + run.count {
            self.state.claimed.set(run.first);
        }
        self.state.live.set(self.state.live.get() - run.count);
    }

    /// Takes a slot back.
    pub(crate) fn give(&self, slot: u32) {
        // SAFETY: the link of one of our slots, under the lock.
        debug_assert_eq!(unsafe { self.link(slot).read() }, LIVE, "gmp: stack given back twice");
        self.push(slot, DIRTY | DEEP);
        self.state.dirty.set(self.state.dirty.get() + 1);
        self.state.deep.set(self.state.deep.get() + 1);
        self.state.live.set(self.state.live.get() - 1);
    }

    /// Puts a slot at the head of the list.
    fn push(&self, slot: u32, flags: u32) {
        let next = if self.state.free.get() == 0 { END } else { self.state.free.get() };
        // SAFETY: the link of one of our slots, under the lock.
        unsafe { self.link(slot).write(next | flags) };
        self.state.free.set(slot + 1);
    }

    /// Takes marks of a free slot off the counts.
    fn unmark(&self, marks: u32) {
        self.state.dirty.set(self.state.dirty.get() - u32::from(marks & DIRTY != 0));
        self.state.deep.set(self.state.deep.get() - u32::from(marks & DEEP != 0));
    }

    /// Whether `clean` with this `keep` may have something to do for some slot.
    pub(crate) fn has_unclean(&self, keep: usize) -> bool {
        let marked = if keep == 0 { &self.state.dirty } else { &self.state.deep };
        marked.get() > 0
    }

    /// Number of slots that were ever claimed: those that `clean` may find something in.
    pub(crate) fn used(&self) -> u32 {
        self.state.claimed.get()
    }

    /// Gives the pages of a slot back to the kernel, all but `keep` bytes at its top, if it is free and may have more. Whether
    /// it asked the kernel to. `keep` is 0 or [`SHALLOW`].
    pub(crate) fn clean(&self, slot: u32, keep: usize) -> bool {
        let flags = if keep == 0 { DIRTY | DEEP } else { DEEP };
        let link = self.link(slot);
        // SAFETY: the link of one of our slots, under the lock.
        let value = unsafe { link.read() };
        if value == LIVE || value & flags == 0 {
            return false;
        }
        // SAFETY: as above.
        unsafe { link.write(value & !flags) };
        self.unmark(value & flags);
        if keep >= self.size() {
            return false;
        }
        // SAFETY: the slot is free and cannot be taken while the lock is held, so nobody misses what was in it.
        unsafe { sys::discard(self.limit(slot), self.size() - keep) };
        true
    }
}

/// Bytes of the links of `slots` slots, in whole pages.
fn head_len(slots: u32) -> usize {
    (slots as usize * size_of::<u32>()).next_multiple_of(sys::page_size())
}

/// Bytes of the whole mapping of `slots` stacks of `1 << class` bytes.
fn len_of(class: u32, slots: u32) -> usize {
    let size = 1 << class;
    head_len(slots) + slots as usize * (size + guard_len(size))
}

/// The pointer to an address in a slab.
fn mapped(address: usize) -> NonNull<u8> {
    NonNull::new(ptr::with_exposed_provenance_mut(address)).expect("gmp: slab at address 0")
}

/// Which kind of guard pages a slab gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guards {
    /// Page table markers: the mapping stays one, so a process can have any number.
    Light,
    /// `mprotect`: two mappings per stack, of which a process has few.
    Protect,
}

/// Stacks guarded by `mprotect` in this process. Counted because at the kernel's limit everything else fails too, also the
/// allocator; so we stop before it.
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// Slots of one slab that their claimer is putting guards under.
#[must_use = "a claimed run is handed in or abandoned"]
pub(crate) struct Run {
    pub(crate) slab: &'static Slab,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Run {
    /// Puts a guard below each slot of the run. System calls; does not allocate.
    pub(crate) fn guard(&self, how: Guards) -> Result<(), Errno> {
        let (slab, count) = (self.slab, self.count as usize);
        let guard = guard_len(slab.size());
        let stride = slab.size() + guard;
        let first = mapped(slab.descriptor.first() + self.first as usize * stride);
        if how == Guards::Light {
            // SAFETY: inside the slab's mapping, in slots that nobody but this claimer uses.
            return unsafe { sys::guard_light_each(first, guard, stride, count) };
        }
        // Relaxed, both: counts, which order nothing.
        let before = PROTECTED.fetch_add(count, Ordering::Relaxed);
        slab.protected.fetch_add(self.count, Ordering::Relaxed);
        let mut result = Err(Errno(libc::ENOMEM));
        if before + count <= limits::protected_stacks() {
            result = (0..count).try_for_each(|slot| {
                // SAFETY: inside the slab's mapping.
                let below = unsafe { first.add(slot * stride) };
                // SAFETY: in a slot that nobody but this claimer uses.
                unsafe { sys::guard_protect(below, guard) }
            });
        }
        if result.is_err() {
            // Relaxed, both: as above.
            PROTECTED.fetch_sub(count, Ordering::Relaxed);
            slab.protected.fetch_sub(self.count, Ordering::Relaxed);
        }
        result
    }
}

/// Maps a slab of `slots` stacks of `1 << class` bytes, as yet without guards. Two system calls.
pub(crate) fn create(class: u32, slots: u32, owner: u32) -> Result<&'static Slab, Errno> {
    let slab = claim()?;
    let start = sys::map(len_of(class, slots)).inspect_err(|_| retire(slab))?;
    let start = start.as_ptr().expose_provenance();
    // Relaxed: who takes a stack of it learns of the slab through the class lock.
    slab.owner.store(owner, Ordering::Relaxed);
    slab.descriptor.publish(Extent { start, first: start + head_len(slots), class, slots });
    Ok(slab)
}

/// Unmaps a slab.
///
/// # Safety
/// The caller owns it, and no stack of it is handed out.
pub(crate) unsafe fn destroy(slab: &'static Slab) {
    let (start, len) = (mapped(slab.descriptor.start()), slab.len());
    slab.descriptor.withdraw(|| {
        EPOCH.fetch_add(1, Ordering::Relaxed); // Relaxed: as in `epoch`.
        // SAFETY: no stack is handed out — the caller's promise — and the links die with them.
        unsafe { sys::unmap(start, len) };
    });
    retire(slab);
}

/// The slot that `address` lies in, of whatever pool.
///
/// Async-signal-safe. For an address in a stack or guard that is handed out, or in any other memory that stays mapped
/// meanwhile, the answer is exact (`descriptor.rs` says why); for one that is nobody's it may be stale, since slabs come and go.
pub(crate) fn find(address: usize) -> Option<Place> {
    // Acquire: pairs with Release in `add_chunk`; makes the chunk's contents visible.
    let mut chunk = CHUNKS.load(Ordering::Acquire);
    // SAFETY: a chunk is never freed.
    while let Some(here) = unsafe { chunk.as_ref() } {
        for slab in &here.slabs {
            let Some(Extent { start, first, class, slots }) = slab.descriptor.read() else {
                continue;
            };
            if address < start || address - start >= len_of(class, slots) {
                continue;
            }
            let guard = guard_len(1 << class);
            let stride = (1 << class) + guard;
            let below = address.checked_sub(first)? / stride * stride + first;
            return Some(Place { limit: below + guard, top: below + stride });
        }
        chunk = here.next.load(Ordering::Relaxed); // Relaxed: written before the chunk was published.
    }
    None
}

/// Descriptors are made by the page and never freed.
#[repr(C)]
struct Chunk {
    next: AtomicPtr<Chunk>,
    slabs: [Slab; PER_CHUNK],
}

/// As many descriptors as fit into 16 KiB: enough for a quarter of a million default stacks.
const PER_CHUNK: usize = (16 << 10) / size_of::<Slab>() - 1;

/// Slabs unmapped so far. What was found out about an address holds while this stays the same.
static EPOCH: AtomicUsize = AtomicUsize::new(0);

/// Changes when an address may have come to mean something else.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn epoch() -> usize {
    // Relaxed: who asks runs on a stack, and nobody unmaps that; whatever was mapped in place of another slab was given to
    // this thread by something that orders more than this.
    EPOCH.load(Ordering::Relaxed)
}

static CHUNKS: AtomicPtr<Chunk> = AtomicPtr::new(ptr::null_mut());

/// A descriptor for the caller, reset.
///
/// Without a lock, because all pools share the descriptors: a runtime's, which is used where its threads cannot be stopped,
/// and others, whose users may be stopped anywhere, and would keep the runtime waiting. The newest chunk comes first, and
/// only while it is full are older ones looked at, so few looks find one.
fn claim() -> Result<&'static Slab, Errno> {
    loop {
        // Acquire: as in `find`.
        let mut chunk = CHUNKS.load(Ordering::Acquire);
        // SAFETY: a chunk is never freed.
        while let Some(here) = unsafe { chunk.as_ref() } {
            if let Some(slab) = here.slabs.iter().find(|slab| slab.descriptor.claim()) {
                slab.state.reset();
                return Ok(slab);
            }
            chunk = here.next.load(Ordering::Relaxed); // Relaxed: as in `find`.
        }
        add_chunk()?;
    }
}

/// Lets go of a descriptor, and takes its guards off the count.
fn retire(slab: &'static Slab) {
    // Relaxed, both: a count, which orders nothing, and our own field.
    PROTECTED.fetch_sub(slab.protected.swap(0, Ordering::Relaxed) as usize, Ordering::Relaxed);
    slab.descriptor.retire();
}

/// Makes more of them. Two at once make more than was asked for.
fn add_chunk() -> Result<(), Errno> {
    let memory = sys::map(size_of::<Chunk>())?.cast::<Chunk>();
    // SAFETY: fresh, zeroed, page-aligned and never unmapped; zeroes are a valid chunk: null, zero counts, `None`.
    let chunk = unsafe { memory.as_ref() };
    let mut head = CHUNKS.load(Ordering::Relaxed); // Relaxed: only stored below, never followed here.
    loop {
        chunk.next.store(head, Ordering::Relaxed); // Relaxed: the exchange publishes it.
        // Release: pairs with Acquire in `find`; publishes the chunk. Relaxed on failure: as the load above.
        match CHUNKS.compare_exchange(head, memory.as_ptr(), Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(seen) => head = seen,
        }
    }
    Ok(())
}
