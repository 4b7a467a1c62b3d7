//! P: a processor, the right to run goroutines, and what belongs to whoever has it.
//!
//! There are GOMAXPROCS of them in use. The M that holds a P owns its run queue, caches and counters
//! without any lock; handing a P to another M (through a parker, a lock or the word below) orders memory,
//! so the next owner sees everything.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use gmp_context::{Stack, StackPool};

use crate::g::G;
use crate::lease::Lease;
use crate::m::M;
use crate::metrics::{Latencies, PCounters};
use crate::next::Next;
use crate::pace::Pace;
use crate::queue::list::List;
use crate::queue::local::{Ring, Tagged};
use crate::slots::Cache;
use crate::steal::Call;
use crate::sync::plain::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use crate::timers::Timers;
use crate::worth::Worth;

/// Stacks of the default size that a P keeps for itself; beyond that they go to the shared pool, and come from it, one by
/// one. More would keep touched pages from other Ps.
pub(crate) const STACK_CACHE: usize = 32;

/// Goroutine numbers that a P draws at once.
pub(crate) const ID_BATCH: u64 = 64;

/// A processor.
#[repr(align(128))]
pub(crate) struct P {
    pub(crate) index: usize,
    pub(crate) ring: Ring<G>,
    /// Runs before the ring, in the same slice: what the running goroutine made ready last.
    pub(crate) next: Next<G>,
    /// Slices begun: the monitor compares it with what it saw last.
    pub(crate) tick: AtomicU32,
    /// Goroutines dispatched, for things to be done every so often.
    pub(crate) dispatches: Cell<u32>,
    /// How many of the ring must be taken from its front before the newest may be taken back.
    in_order: Cell<u32>,
    /// The running goroutine is to yield at its next call, and may be stopped.
    pub(crate) preempt: AtomicBool,
    /// Nobody has been dispatched here for so long, although somebody waits, that its holder cannot be reached: others see to
    /// its timers. Written by the monitor (`desert.rs`).
    pub(crate) deserted: AtomicBool,
    /// Whether the holder may lose it without being asked (`lease.rs`).
    pub(crate) lease: Lease,
    /// The M that holds it, for the monitor.
    pub(crate) m: AtomicPtr<M>,
    pub(crate) timers: Timers,
    /// Stacks at hand.
    stacks: Cell<Vec<Stack>>,
    /// Goroutines that may be spawned here before more stacks must be reserved. Over all Ps and the pool,
    ///
    /// reserved in the pool + cached by Ps = credits + goroutines not started + (`STACK_CACHE` + 1) per P
    ///
    /// holds, so taking a stack never fails, wherever the cached ones are.
    pub(crate) credits: Cell<usize>,
    /// Memory for tasks.
    pub(crate) slots: Cache,
    pub(crate) ids: Cell<(u64, u64)>,
    pub(crate) counters: PCounters,
    pub(crate) latencies: Latencies,
    /// What it has learnt about stealing.
    pub(crate) worth: Worth,
    /// How fast it works off what the poller hands it.
    pub(crate) pace: Pace,
    /// Who has woken it for its work, until that is looked at.
    pub(crate) call: Cell<Option<Call>>,
}

// SAFETY: cells belong to the M that holds the P (module doc); everything else is atomic or locked.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

impl P {
    /// A processor nobody holds. `fenced` says that thieves can have a heavy fence (`next.rs`).
    pub(crate) fn new(index: usize, fenced: bool) -> P {
        P {
            index,
            ring: Ring::new(),
            next: Next::new(fenced),
            tick: AtomicU32::new(0),
            dispatches: Cell::new(0),
            in_order: Cell::new(0),
            // For a freeze that has asked the others already (`freeze.rs`): the first look on g0 takes it back.
            preempt: AtomicBool::new(true),
            deserted: AtomicBool::new(false),
            lease: Lease::new(),
            m: AtomicPtr::new(ptr::null_mut()),
            timers: Timers::new(),
            stacks: Cell::new(Vec::with_capacity(STACK_CACHE)),
            credits: Cell::new(0),
            slots: Cache::new(),
            ids: Cell::new((0, 0)),
            counters: PCounters::default(),
            latencies: Latencies::new(),
            worth: Worth::new(),
            pace: Pace::new(),
            call: Cell::new(None),
        }
    }

    /// Goroutines that wait to run here. Any thread.
    pub(crate) fn queued(&self) -> usize {
        // Relaxed: a figure.
        self.ring.len() as usize + usize::from(!self.next.peek().is_null())
    }

    /// Slices begun.
    pub(crate) fn ticks(&self) -> u32 {
        self.tick.load(Ordering::Relaxed) // Relaxed: a figure.
    }

    /// Begins a new slice. Owner only.
    #[inline]
    pub(crate) fn begin_slice(&self) {
        // Relaxed: only the owner writes; the monitor looks for change only.
        let tick = self.tick.load(Ordering::Relaxed);
        // Relaxed: as above.
        self.tick.store(tick.wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether anything waits to run here. Any thread.
    pub(crate) fn has_work(&self) -> bool {
        // Relaxed: a hint; takers use their own RMW.
        !self.ring.is_empty() || !self.next.peek().is_null()
    }

    /// Takes what `next` holds. Owner only, in a critical section.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<NonNull<G>> {
        self.next.take()
    }

    /// Takes what `next` holds from an owner that computes on. Any thread.
    pub(crate) fn steal_next(&self, barrier: impl FnOnce() -> bool) -> Option<NonNull<G>> {
        self.next.steal(barrier, || {
            // Acquire: pairs with Release in `M::set_p`, which comes before the holder uses the P.
            // SAFETY: Ms are never freed.
            let holder = unsafe { self.m.load(Ordering::Acquire).as_ref() };
            holder.is_none_or(|m| m.hold.is_seen_critical())
        })
    }

    /// Puts `g` into `next` and returns what it displaced. Owner only, in a critical section.
    #[inline]
    pub(crate) fn put_next(&self, g: NonNull<G>) -> Option<NonNull<G>> {
        self.next.put(g)
    }

    /// Appends to the ring; when it is full, half of it and `g` come back as a chain for the global queue.
    /// Owner only.
    #[inline]
    pub(crate) fn push(&self, g: NonNull<G>, fresh: bool) -> Option<List<G>> {
        // SAFETY: the caller's M holds this P, so it is the ring's only owner.
        let mut owner = unsafe { self.ring.owner() };
        match owner.push(Tagged::new(g, fresh)) {
            Ok(()) => None,
            Err(_) => Some(self.spill(g)),
        }
    }

    /// Half of the full ring, oldest first, and `g` behind it.
    #[cold]
    fn spill(&self, g: NonNull<G>) -> List<G> {
        let mut chain = List::new();
        for _ in 0..crate::queue::local::CAPACITY / 2 {
            match self.pop() {
                Some(g) => chain.push(g),
                None => break,
            }
        }
        chain.push(g);
        chain
    }

    /// Takes the oldest of the ring. Owner only.
    #[inline]
    pub(crate) fn pop(&self) -> Option<NonNull<G>> {
        // SAFETY: the caller's M holds this P, so it is the ring's only owner.
        unsafe { self.ring.owner() }.pop()
    }

    /// What goes on in the slice that is running: what was made ready last, else the newest that has not begun, so
    /// that a tree of goroutines is walked depth first. Owner only.
    #[inline]
    pub(crate) fn next_in_slice(&self) -> Option<NonNull<G>> {
        self.take_next().or_else(|| self.newest())
    }

    /// Takes the newest of the ring that has not begun, which goes on in the slice that is running, unless older ones
    /// have to be next. Owner only.
    #[inline]
    pub(crate) fn newest(&self) -> Option<NonNull<G>> {
        if self.in_order.get() > 0 {
            return None;
        }
        // SAFETY: the caller's M holds this P, so it is the ring's only owner.
        unsafe { self.ring.owner() }.take_back()
    }

    /// Takes the oldest of the ring, which begins a slice. Owner only.
    #[inline]
    pub(crate) fn next_in_turn(&self) -> Option<NonNull<G>> {
        let g = self.pop()?;
        self.in_order.set(self.in_order.get().saturating_sub(1));
        self.begin_slice();
        Some(g)
    }

    /// The slice is over, as the monitor asked: what is in the ring now runs in its order, before anything newer may
    /// overtake it again. So each waits for as many slices as there are others before it, at most. Owner only.
    pub(crate) fn end_slice(&self) {
        self.preempt.store(false, Ordering::Relaxed); // Relaxed: a request; only the owner clears it.
        self.in_order.set(self.ring.len());
    }

    /// A stack of the default size from the cache. Owner only, in a critical section.
    pub(crate) fn cached_stack(&self) -> Option<Stack> {
        let mut stacks = self.stacks.take();
        let stack = stacks.pop();
        self.stacks.set(stacks);
        stack
    }

    /// Keeps a stack of the default size; gives it back when the cache is full. Never allocates. Owner only.
    pub(crate) fn cache_stack(&self, stack: Stack) -> Option<Stack> {
        let mut stacks = self.stacks.take();
        let full = stacks.len() == stacks.capacity();
        let over = if full {
            Some(stack)
        } else {
            stacks.push(stack);
            None
        };
        self.stacks.set(stacks);
        over
    }

    /// Gives back the stacks at hand and all that is reserved for this P. Neither allocates nor frees. In a critical section,
    /// by who knows that nobody holds it, and that nobody ever will.
    pub(crate) fn give_back(&self, pool: &StackPool, stack_size: usize) {
        let mut stacks = self.stacks.take();
        while let Some(stack) = stacks.pop() {
            pool.give(stack);
        }
        self.stacks.set(stacks);
        pool.unreserve(stack_size, self.credits.take() + STACK_CACHE + 1);
    }
}

impl std::fmt::Debug for P {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("P").field("index", &self.index).finish_non_exhaustive()
    }
}
