//! Memory of tasks: slots of a few sizes, carved out of slabs, recycled through two magazines per P.
//!
//! Spawning is too frequent for malloc, and a goroutine that ended on one P is often the next one's memory on
//! another. So each P has, per size class, two magazines (chains of up to [`BATCH`] free slots): it takes from and
//! puts into `loaded`, exchanges it with `other` when that helps, and trades whole magazines with the shared depot
//! when it does not. A trade is a few words under a lock, once in `BATCH` spawns at most, and nothing is walked.
//!
//! ```text
//!   P:  loaded ▣─▣─▣      other ▣─▣─ … ─▣ (full, or empty)
//!                             ▲ │
//!   depot, per class:         │ ▼   full magazines   ▣ ▣ ▣ ─▶        slab ░░░▓▓▓▓▓ carved from the left
//! ```
//!
//! The scheme is Bonwick's ("Magazines and Vmem", 2001). Slabs come from `mmap`, so all of this may run in critical
//! sections, and are kept: a slot stays a slot for as long as the process lives, as with Go's descriptors, so who looks
//! at a task a moment too late reads a stale task, never foreign memory.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::arena::{self, MapVec};
use crate::g::G;
use crate::lock::Lock;

/// Sizes come in steps of this, a cache line: slots never share one.
pub(crate) const STEP: usize = 64;
/// Number of classes; the largest slot is one step less than a KiB.
const CLASSES: usize = 16;
/// Largest task that fits a slot; larger closures are boxed.
pub(crate) const LARGEST: usize = (CLASSES - 1) * STEP;
/// Slots of a full magazine: trades are rare enough not to show at this size, and a P hoards 25 KiB per class.
const BATCH: usize = 64;
/// Bytes of a slab: large enough that mapping one does not show, small enough to be wasted.
pub(crate) const SLAB: usize = 256 << 10;

/// What a free slot begins with.
struct Free {
    next: *mut Free,
    /// In the first slot of a magazine in the depot: the magazine below.
    below: *mut Free,
}

/// A chain of free slots.
#[derive(Clone, Copy)]
struct Magazine {
    first: *mut Free,
    len: usize,
}

impl Magazine {
    const EMPTY: Magazine = Magazine { first: ptr::null_mut(), len: 0 };

    fn pop(&mut self) -> Option<NonNull<u8>> {
        let first = NonNull::new(self.first)?;
        // SAFETY: a free slot begins with its links, written by `push`.
        self.first = unsafe { first.as_ref() }.next;
        self.len -= 1;
        Some(first.cast())
    }

    fn push(&mut self, slot: NonNull<u8>) {
        let place = slot.cast::<Free>();
        // SAFETY: a slot is larger than this, aligned to a line, and free: nobody else's.
        unsafe { place.write(Free { next: self.first, below: ptr::null_mut() }) };
        self.first = place.as_ptr();
        self.len += 1;
    }

    fn is_full(&self) -> bool {
        self.len >= BATCH
    }
}

/// The magazines of one P.
pub(crate) struct Cache {
    classes: [(Cell<Magazine>, Cell<Magazine>); CLASSES],
}

impl Cache {
    /// Nothing kept.
    pub(crate) const fn new() -> Cache {
        Cache {
            classes: [const { (Cell::new(Magazine::EMPTY), Cell::new(Magazine::EMPTY)) }; CLASSES],
        }
    }

    /// A slot of `size` bytes, a multiple of [`STEP`] up to [`LARGEST`]. Owner of the P only.
    #[inline]
    pub(crate) fn take(&self, size: usize) -> NonNull<u8> {
        self.at_hand(size).unwrap_or_else(|| self.take_slow(size))
    }

    /// The same, if there is one in the loaded magazine.
    #[inline]
    pub(crate) fn at_hand(&self, size: usize) -> Option<NonNull<u8>> {
        let (loaded, _) = &self.classes[size / STEP];
        let mut magazine = loaded.get();
        let slot = magazine.pop()?;
        loaded.set(magazine);
        Some(slot)
    }

    #[cold]
    #[inline(never)]
    fn take_slow(&self, size: usize) -> NonNull<u8> {
        let (loaded, other) = &self.classes[size / STEP];
        let mut magazine = other.replace(Magazine::EMPTY);
        if magazine.len == 0 {
            magazine = DEPOT[size / STEP].lock().full(size);
        }
        let slot = magazine.pop();
        loaded.set(magazine);
        slot.unwrap_or_else(|| crate::fatal::abort("a full magazine of tasks was empty"))
    }

    /// Keeps a slot of `size` bytes. Owner of the P only.
    #[inline]
    pub(crate) fn put(&self, slot: NonNull<u8>, size: usize) {
        let (loaded, other) = &self.classes[size / STEP];
        let mut magazine = loaded.get();
        if magazine.is_full() {
            Cache::make_room(loaded, other, size);
            magazine = loaded.get();
        }
        magazine.push(slot);
        loaded.set(magazine);
    }

    #[cold]
    #[inline(never)]
    fn make_room(loaded: &Cell<Magazine>, other: &Cell<Magazine>, size: usize) {
        let full = other.replace(loaded.replace(Magazine::EMPTY));
        if full.len > 0 {
            DEPOT[size / STEP].lock().keep(full);
        }
    }
}

/// What all Ps, and threads without one, share of one class.
struct Depot {
    /// Full magazines, linked through their first slots.
    magazines: *mut Free,
    /// Single slots from threads without a P; becomes a magazine when full.
    loose: Magazine,
    /// What is left of the newest slab.
    fresh: *mut u8,
    left: usize,
}

// SAFETY: free memory is nobody's; the lock around it hands it out once.
unsafe impl Send for Depot {}

static DEPOT: [Lock<Depot>; CLASSES] = [const { Lock::new(Depot::new()) }; CLASSES];

impl Depot {
    const fn new() -> Depot {
        Depot {
            magazines: ptr::null_mut(),
            loose: Magazine::EMPTY,
            fresh: ptr::null_mut(),
            left: 0,
        }
    }

    /// A magazine that is full or nearly so; carved when none is kept.
    fn full(&mut self, size: usize) -> Magazine {
        if let Some(first) = NonNull::new(self.magazines) {
            // SAFETY: the first slot of a magazine in the depot, written by `keep`.
            self.magazines = unsafe { first.as_ref() }.below;
            return Magazine { first: first.as_ptr(), len: BATCH };
        }
        let mut magazine = Magazine::EMPTY;
        let mut slots = [ptr::null_mut(); BATCH];
        slots.fill_with(|| self.carve(size).as_ptr());
        // In the order of their addresses when they are taken: neighbours share pages.
        slots.iter().rev().filter_map(|&s| NonNull::new(s)).for_each(|s| magazine.push(s));
        magazine
    }

    fn keep(&mut self, magazine: Magazine) {
        let Some(mut first) = NonNull::new(magazine.first) else { return };
        // SAFETY: a free slot begins with its links, and this magazine is ours.
        unsafe { first.as_mut() }.below = self.magazines;
        self.magazines = first.as_ptr();
    }

    fn carve(&mut self, size: usize) -> NonNull<u8> {
        if self.left < size {
            self.fresh = arena::map(SLAB).as_ptr();
            self.left = SLAB;
            SLABS.lock().0.push((self.fresh, size));
        }
        let slot = self.fresh;
        self.left -= size;
        // SAFETY: inside the slab, or its end.
        self.fresh = unsafe { slot.add(size) };
        // Never null: inside a mapping.
        NonNull::new(slot).unwrap_or(NonNull::dangling())
    }
}

/// All slabs there are, with the size of their slots. Taken with the depot of a class locked.
pub(crate) static SLABS: Lock<Slabs> = Lock::new(Slabs(MapVec::new()));

pub(crate) struct Slabs(MapVec<(*mut u8, usize)>);

// SAFETY: the addresses of slabs, which are never freed.
unsafe impl Send for Slabs {}

/// Calls `visit` with every slot there is, in use or not, or zero because it never was. Never allocates.
pub(crate) fn for_each(visit: &mut dyn FnMut(NonNull<G>)) {
    for index in 0.. {
        let slab = SLABS.lock().0.get(index).copied();
        let Some((base, size)) = slab else { return };
        for offset in (0..SLAB / size).map(|slot| slot * size) {
            if let Some(slot) = NonNull::new(base.wrapping_add(offset)) {
                visit(slot.cast());
            }
        }
    }
}

/// A slot for a thread without a P. Takes a lock for a few instructions.
pub(crate) fn take_shared(size: usize) -> NonNull<u8> {
    let mut depot = DEPOT[size / STEP].lock();
    match depot.loose.pop() {
        Some(slot) => slot,
        None => depot.carve(size),
    }
}

/// Gives a slot back from a thread without a P.
pub(crate) fn put_shared(slot: NonNull<u8>, size: usize) {
    let mut depot = DEPOT[size / STEP].lock();
    depot.loose.push(slot);
    if depot.loose.is_full() {
        let full = std::mem::replace(&mut depot.loose, Magazine::EMPTY);
        depot.keep(full);
    }
}

#[cfg(all(test, not(loom)))]
#[path = "slots_tests.rs"]
mod tests;
