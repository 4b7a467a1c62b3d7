//! StackPool: stacks by size class, reserved in advance, taken and given back without a system call.
//!
//! Two steps, because they happen in different places. *Reserving* maps memory: it may fail, allocate and take
//! milliseconds, and is done where a goroutine or coroutine is created. *Taking* redeems a reservation: it cannot fail,
//! touches no heap and makes no system call unless the lock of its size is contended, and is done where a scheduler is about to switch.
//!
//! ```text
//!   reserve(n) -> n reservations --take--> stacks --give--> reservations --unreserve--> nothing
//! ```
//!
//! Each class has its slabs; those with a free slot stand in a list, the one given to last in front, and hand out the slot
//! given back last: its pages are resident, perhaps cached. Slabs double in size so that a million stacks need a few
//! hundred mappings and a program with ten needs a page of kernel tables.

use core::fmt;

use crate::limits::{Cause, ReserveError};
use crate::lock::{Guard, Lock};
use crate::slab::{self, Guards, Run, Slab};
use crate::stack::Stack;
use crate::sync::plain::{AtomicBool, AtomicU32, Ordering};
use crate::sys;

/// Logarithms of the smallest and largest stack: 16 KiB, in which nothing can print a backtrace any more, and 64 GiB, the
/// largest of which a 47-bit address space holds a useful number.
pub(crate) const SMALLEST: u32 = 14;
const LARGEST: u32 = 36;
pub(crate) const CLASSES: usize = (LARGEST - SMALLEST + 1) as usize;

/// Slots of the first slab of a class.
const FIRST_SLOTS: usize = 64;
/// Bounds of later slabs, whose size is only address space. More slots would make a slab that has one stack left keep more
/// of it; fewer would make more mappings, and a longer search for the fault handler.
const MOST_SLOTS: usize = 4096;
const MOST_BYTES: usize = 1 << 30;

/// Fewest and most slots that get their guards at a time: 64 take 40 µs, and stacks that nobody asked for cost page tables;
/// 1,024, which somebody asked for, take half a millisecond.
const LEAST_RUN: usize = 64;
const MOST_RUN: usize = 1024;

/// How many slabs, the last mapped first, are asked for slots without guards. Usually the first has some; when threads
/// mapped some at the same time, the first few.
const LOOK_AT: usize = 4;

/// A pool of guarded stacks in power-of-two sizes from 16 KiB to 64 GiB. One lock per size.
///
/// Meant to be a `static`. When dropped, it unmaps the slabs that have no stack out and leaks the others.
pub struct StackPool {
    /// Marks the slabs of this pool; 0 until it has any.
    id: AtomicU32,
    /// Whether to guard by `mprotect` even where the kernel has something better.
    protect: bool,
    /// Whether somebody trims it.
    pub(crate) trimming: AtomicBool,
    pub(crate) classes: [Lock<Class>; CLASSES],
}

/// The slabs of one size, and the count of their stacks: `live + reserved <= capacity`.
pub(crate) struct Class {
    /// All slabs, the last mapped first.
    pub(crate) slabs: Option<&'static Slab>,
    /// Those with a free slot, the last given to first.
    open: Option<&'static Slab>,
    /// Number of slabs.
    pub(crate) count: usize,
    pub(crate) capacity: usize,
    pub(crate) live: usize,
    pub(crate) reserved: usize,
    /// Address space of all slabs.
    pub(crate) bytes: usize,
}

/// What a [`StackPool`] holds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PoolStats {
    /// Mappings that stacks are cut from.
    pub slabs: usize,
    /// Stacks taken and not given back.
    pub live: usize,
    /// Stacks that could be taken without mapping anything.
    pub free: usize,
    /// How many of the free ones are spoken for.
    pub reserved: usize,
    /// Bytes of address space; what is resident is far less.
    pub bytes: usize,
}

/// The class for stacks of at least `size` bytes: the logarithm of their size.
#[inline]
pub(crate) fn class_of(size: usize) -> Result<u32, ReserveError> {
    // Of pages up to 64 KiB; a stack is not smaller than one.
    const LARGEST_PAGE: u32 = 16;
    let mut class = size.checked_next_power_of_two().map_or(usize::BITS, usize::trailing_zeros);
    if class < LARGEST_PAGE {
        class = class.max(SMALLEST).max(sys::page_size().trailing_zeros());
    }
    if class <= LARGEST { Ok(class) } else { Err(ReserveError(Cause::TooLarge(size))) }
}

impl StackPool {
    /// An empty pool. Maps nothing.
    pub const fn new() -> StackPool {
        StackPool::with_protect(false)
    }

    /// An empty pool that guards its stacks by `mprotect`, as all do before Linux 6.13; to try out the older kernels'
    /// limits on a newer one.
    pub const fn with_protected_guards() -> StackPool {
        StackPool::with_protect(true)
    }

    const fn with_protect(protect: bool) -> StackPool {
        StackPool {
            id: AtomicU32::new(0),
            protect,
            trimming: AtomicBool::new(false),
            classes: [const { Lock::new(Class::new()) }; CLASSES],
        }
    }

    /// Reserves `n` stacks of at least `size` bytes: as many [`take`](StackPool::take)s of this size cannot fail.
    ///
    /// May map memory (up to milliseconds) and allocates when it fails; neither under a lock.
    ///
    /// # Errors
    /// `InvalidInput` above 64 GiB; `OutOfMemory` when the system refuses, with a text that names the limits in question
    /// (`vm.max_map_count`, overcommit, `RLIMIT_AS`). Nothing is reserved then, and existing stacks are unaffected.
    #[cfg(feature = "std")]
    pub fn reserve(&self, size: usize, n: usize) -> std::io::Result<()> {
        Ok(self.try_reserve(size, n)?)
    }

    /// As [`reserve`](StackPool::reserve), for callers that may not allocate.
    ///
    /// # Errors
    /// As `reserve`.
    pub fn try_reserve(&self, size: usize, n: usize) -> Result<(), ReserveError> {
        let class = class_of(size)?;
        loop {
            let mut state = self.class(class).lock();
            let spare = state.capacity - state.live - state.reserved;
            if n <= spare {
                state.reserved += n;
                return Ok(());
            }
            drop(state);
            self.grow(class, n - spare)?;
        }
    }

    /// Gives back `n` reservations of this size.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn unreserve(&self, size: usize, n: usize) {
        let mut state = self.lock(size);
        let rest = state.reserved.checked_sub(n);
        state.reserved = rest.unwrap_or(state.reserved);
        drop(state);
        assert!(rest.is_some(), "gmp: unreserve of more stacks than are reserved");
    }

    /// Redeems a reservation of this size. The stack's contents are arbitrary; its uppermost page has been touched.
    ///
    /// Constant time; no system call unless the lock is contended, no allocation.
    ///
    /// # Panics
    /// When nothing is reserved.
    pub fn take(&self, size: usize) -> Stack {
        let mut state = self.lock(size);
        let taken = state.take();
        drop(state);
        let (slab, slot) = taken.expect("gmp: take of a stack that was not reserved");
        Stack::new(slab, slot)
    }

    /// Takes a stack back and leaves the caller a reservation for another one of that size.
    ///
    /// Costs as [`take`](StackPool::take). The pages stay resident until [`trim`](StackPool::trim).
    ///
    /// # Panics
    /// When the stack is another pool's.
    pub fn give(&self, stack: Stack) {
        assert!(self.owns(&stack), "gmp: stack of another pool");
        let mut state = self.lock(stack.size());
        let (slab, slot) = stack.into_slot();
        state.give(slab, slot);
    }

    /// A stack, reserved and taken at once.
    pub(crate) fn take_new(&self, class: u32) -> Result<Stack, ReserveError> {
        loop {
            let mut state = self.class(class).lock();
            if state.capacity - state.live > state.reserved {
                state.reserved += 1;
                let taken = state.take();
                drop(state);
                let (slab, slot) = taken.expect("gmp: a free stack is in no slab");
                return Ok(Stack::new(slab, slot));
            }
            drop(state);
            self.grow(class, 1)?;
        }
    }

    /// Takes stacks of one class back, and the reservations behind them.
    pub(crate) fn give_all(&self, class: u32, stacks: impl Iterator<Item = Stack>) {
        let mut state = self.class(class).lock();
        for stack in stacks {
            let (slab, slot) = stack.into_slot();
            state.give(slab, slot);
            state.reserved -= 1;
        }
    }

    /// Counts over all sizes; each size at a moment of its own.
    pub fn stats(&self) -> PoolStats {
        let mut sum = PoolStats::default();
        for class in &self.classes {
            let state = class.lock();
            sum.slabs += state.count;
            sum.live += state.live;
            sum.free += state.capacity - state.live;
            sum.reserved += state.reserved;
            sum.bytes += state.bytes;
        }
        sum
    }

    /// Whether a stack is this pool's.
    #[inline]
    pub(crate) fn owns(&self, stack: &Stack) -> bool {
        // Relaxed: whoever holds a stack of ours has seen the number that it was made with.
        stack.owner() == self.id.load(Ordering::Relaxed)
    }

    fn class(&self, class: u32) -> &Lock<Class> {
        &self.classes[(class - SMALLEST) as usize]
    }

    fn lock(&self, size: usize) -> Guard<'_, Class> {
        self.class(class_of(size).expect("gmp: no stacks of this size")).lock()
    }

    /// Makes `missing` more stacks available, or a part of them: puts guards into a slab that has room, or maps one, as
    /// large as all before it together.
    #[cold]
    fn grow(&self, class: u32, missing: usize) -> Result<(), ReserveError> {
        let guards = guards(self.protect);
        let refused =
            |error| ReserveError(Cause::Refused { error, size: 1 << class, n: missing, guards });
        let stride = (1 << class) + slab::guard_len(1 << class);
        let most = (MOST_BYTES / stride).clamp(1, MOST_SLOTS);
        let mut state = self.class(class).lock();
        let run = missing.clamp(LEAST_RUN, MOST_RUN).min(most);
        if let Some(run) = state.claim(run as u32) {
            drop(state);
            let guarded = run.guard(guards);
            self.class(class).lock().settle(&run, guarded.is_ok());
            return guarded.map_err(refused);
        }
        let wanted = state.capacity.clamp(FIRST_SLOTS.min(most), most);
        drop(state);
        let least = missing.min(wanted);
        let slab = slab::create(class, wanted as u32, self.id())
            .or_else(|_| slab::create(class, least as u32, self.id()))
            .map_err(refused)?;
        self.class(class).lock().add(slab);
        Ok(())
    }

    fn id(&self) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // Relaxed, all: only the number itself matters, and it is written once.
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 {
            return id;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.id.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            Err(other) => other,
        }
    }
}

/// The kind of guard to use, found out at the first call in the process.
fn guards(protect: bool) -> Guards {
    static KNOWN: AtomicU32 = AtomicU32::new(0);
    if protect {
        return Guards::Protect;
    }
    // Relaxed, both: whoever probes finds the same, and nothing else hangs on it.
    if KNOWN.load(Ordering::Relaxed) == 0 {
        KNOWN.store(1 + u32::from(sys::has_light_guards()), Ordering::Relaxed);
    }
    if KNOWN.load(Ordering::Relaxed) == 2 { Guards::Light } else { Guards::Protect }
}

// The methods that panic do so with the lock released and the books in order.
impl core::panic::RefUnwindSafe for StackPool {}

impl Default for StackPool {
    fn default() -> StackPool {
        StackPool::new()
    }
}

impl fmt::Debug for StackPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StackPool").field(&self.stats()).finish()
    }
}

impl Drop for StackPool {
    fn drop(&mut self) {
        for class in &mut self.classes {
            let mut next = class.get_mut().slabs;
            while let Some(slab) = next {
                next = slab.state.next.get();
                if slab.state.live.get() == 0 {
                    // SAFETY: no stack is out, and the pool that could give one is gone.
                    unsafe { slab::destroy(slab) };
                }
            }
        }
    }
}

impl Class {
    const fn new() -> Class {
        Class { slabs: None, open: None, count: 0, capacity: 0, live: 0, reserved: 0, bytes: 0 }
    }

    fn add(&mut self, slab: &'static Slab) {
        slab.state.next.set(self.slabs.replace(slab));
        self.count += 1;
        self.bytes += slab.len();
    }

    /// Claims up to `n` slots for guards.
    fn claim(&mut self, n: u32) -> Option<Run> {
        let mut next = self.slabs;
        for _ in 0..LOOK_AT {
            let slab = next?;
            if let Some(run) = slab.claim(n) {
                return Some(run);
            }
            next = slab.state.next.get();
        }
        None
    }

    /// Ends a claim: the run has its guards, or cannot have them.
    fn settle(&mut self, run: &Run, guarded: bool) {
        if !guarded {
            return run.slab.abandon(run);
        }
        if !run.slab.has_free() {
            self.open(run.slab);
        }
        run.slab.hand_in(run);
        self.capacity += run.count as usize;
    }

    fn take(&mut self) -> Option<(&'static Slab, u32)> {
        self.reserved = self.reserved.checked_sub(1)?;
        let slab = self.open?;
        let slot = slab.take()?;
        if !slab.has_free() {
            self.close(slab);
        }
        self.live += 1;
        Some((slab, slot))
    }

    fn give(&mut self, slab: &'static Slab, slot: u32) {
        if slab.has_free() {
            self.close(slab);
        }
        slab.give(slot);
        self.open(slab);
        self.live -= 1;
        self.reserved += 1;
    }

    /// Puts a slab in front of those with a free slot.
    fn open(&mut self, slab: &'static Slab) {
        if let Some(front) = self.open {
            front.state.newer.set(Some(slab));
        }
        slab.state.newer.set(None);
        slab.state.older.set(self.open.replace(slab));
    }

    /// Takes a slab out of the list of those with a free slot.
    pub(crate) fn close(&mut self, slab: &'static Slab) {
        let (newer, older) = (slab.state.newer.take(), slab.state.older.take());
        match newer {
            Some(newer) => newer.state.older.set(older),
            None => self.open = older,
        }
        if let Some(older) = older {
            older.state.newer.set(newer);
        }
    }
}
