//! Timers: a heap per P, and nodes that outlive every reference to them.
//!
//! A waiter with a deadline puts an entry into the heap of the P it runs on; when it is due, whoever
//! looks (the owner, a thief, the monitor) fires it. Cancelling leaves the entry behind, to be thrown away
//! when it comes up or when such leftovers are a quarter of the heap (Go's figure). That is safe because
//! an entry names a node that is never freed, and the generation of the use it belongs to:
//!
//! ```text
//!   node.state   63 .......... 2  1 0
//!               ┌───────────────┬─────┐   IDLE ─arm─▶ ARMED ─fire─▶ FIRING ─▶ IDLE, generation + 1
//!               │  generation   │phase│                └────cancel────────────▲
//!               └───────────────┴─────┘
//! ```
//!
//! - **T1** the owner writes `fire` and `context`, then ARMED (Release), then the entry.
//! - **T2** firing claims ARMED → FIRING for the entry's generation (Acquire), calls, then IDLE (Release).
//! - **T3** cancelling claims ARMED → IDLE; if it finds FIRING it waits for the end of the call, so that
//!   afterwards nothing of the runtime refers to the context, which is on the waiter's stack.

use std::cell::Cell;
use std::hint;
use std::ptr::{self, NonNull};

use crate::arena::{self, MapVec};
use crate::clock::NEVER;
use crate::lock::{Lock, LockGuard};
use crate::sync::plain::{AtomicU64, Ordering};
use crate::wait::Waiter;

const PHASE: u64 = 3;
const IDLE: u64 = 0;
const ARMED: u64 = 1;
const FIRING: u64 = 2;

/// Called when a timer is due: decides, in a critical section, whether a waiter is to be readied.
pub(crate) type Fire = unsafe fn(*const ()) -> Option<Waiter>;

/// One timer, in use or not. Never freed.
#[derive(Debug)]
pub(crate) struct Node {
    state: AtomicU64,
    fire: Cell<Fire>,
    context: Cell<*const ()>,
    /// Next free one; guarded by the lock of the free list.
    link: Cell<*const Node>,
}

// SAFETY: the cells are written while IDLE by the one who took the node, read while FIRING by the one who
// claimed it; the state word orders the two (T1, T2).
unsafe impl Sync for Node {}

/// A timer that was armed: what cancelling needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Armed {
    node: &'static Node,
    /// The state word while armed.
    armed: u64,
    /// The heap it went into, told about leftovers.
    home: &'static Timers,
}

/// An entry: due when, which node, in which use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    when: u64,
    node: &'static Node,
    armed: u64,
}

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: Lock<MapVec<Entry>>,
    /// When the first entry is due; NEVER without one. Written under the lock.
    earliest: AtomicU64,
    /// Cancelled entries still in the heap, roughly.
    leftovers: AtomicU64,
}

/// The heap of a P, locked, with room: what an entry is put into.
pub(crate) type Locked<'a> = LockGuard<'a, MapVec<Entry>>;

/// Entries fired per look at the heap: bounds the time its lock is held, and the array below.
const BATCH: usize = 32;

/// A 4-ary heap: half the levels of a binary one, and the four children share cache lines (Go's choice).
const ARITY: usize = 4;

impl Timers {
    /// No timers.
    pub(crate) fn new() -> Timers {
        Timers {
            heap: Lock::new(MapVec::new()),
            earliest: AtomicU64::new(NEVER),
            leftovers: AtomicU64::new(0),
        }
    }

    /// When the first is due, as far as is known without the lock.
    #[inline]
    pub(crate) fn earliest(&self) -> u64 {
        // Acquire: pairs with Release in `publish`.
        self.earliest.load(Ordering::Acquire)
    }

    /// Arms a node for `when` and returns with the heap still locked: it cannot fire before the caller
    /// drops the guard (from the successor's stack, when the caller is wholly saved). `context` must stay
    /// valid until the timer has fired or been cancelled.
    pub(crate) fn arm(
        &'static self,
        when: u64,
        fire: Fire,
        context: *const (),
    ) -> (Armed, Locked<'static>) {
        let node = Node::take();
        node.fire.set(fire);
        node.context.set(context);
        // Relaxed: the node is the caller's alone while IDLE.
        let armed = node.state.load(Ordering::Relaxed) & !PHASE | ARMED;
        // Release: pairs with Acquire in `Node::claim` (T1); publishes the two cells.
        node.state.store(armed, Ordering::Release);
        let mut heap = self.heap.lock();
        let end = heap.len();
        heap.push(Entry { when, node, armed });
        sift_up(&mut heap, end);
        self.publish(&heap);
        (Armed { node, armed, home: self }, heap)
    }

    fn publish(&self, heap: &MapVec<Entry>) {
        // Release: pairs with Acquire in `earliest`.
        self.earliest.store(heap.first().map_or(NEVER, |e| e.when), Ordering::Release);
    }

    /// Fires what is due at `now` and passes the waiters on. Any thread, in a critical section. Returns how
    /// many fired.
    pub(crate) fn run_due(&self, now: u64, ready: &mut dyn FnMut(Waiter)) -> usize {
        let mut fired = 0;
        while self.earliest() <= now {
            let mut due: [Option<Entry>; BATCH] = [None; BATCH];
            let mut heap = self.heap.lock();
            for slot in &mut due {
                match heap.first() {
                    Some(e) if e.when <= now => *slot = pop(&mut heap),
                    _ => break,
                }
            }
            self.publish(&heap);
            drop(heap);
            for entry in due.iter().flatten() {
                if entry.node.claim(entry.armed) {
                    entry.node.fire_claimed(ready);
                    fired += 1;
                } else {
                    self.forget_leftover();
                }
            }
        }
        fired
    }

    fn forget_leftover(&self) {
        // Relaxed: a heuristic count; wrapping below zero is avoided by the comparison in `cancelled`.
        let n = self.leftovers.load(Ordering::Relaxed);
        // Relaxed: as above.
        self.leftovers.store(n.saturating_sub(1), Ordering::Relaxed);
    }

    /// Notes a cancelled entry, and sweeps when a quarter of the heap is such.
    fn cancelled(&self) {
        // Relaxed: a heuristic count.
        if self.leftovers.fetch_add(1, Ordering::Relaxed) < 64 {
            return;
        }
        let Some(mut heap) = self.heap.try_lock() else { return };
        // Relaxed: as above.
        if self.leftovers.load(Ordering::Relaxed) < heap.len() as u64 / 4 {
            return;
        }
        let mut kept = 0;
        for i in 0..heap.len() {
            // Relaxed: an entry whose use is over stays over; one that is armed right now is kept.
            if heap[i].node.state.load(Ordering::Relaxed) == heap[i].armed {
                heap[kept] = heap[i];
                kept += 1;
            }
        }
        while heap.len() > kept {
            heap.pop();
        }
        for i in (0..kept.div_ceil(ARITY)).rev() {
            sift_down(&mut heap, i);
        }
        self.leftovers.store(0, Ordering::Relaxed); // Relaxed: as above.
        self.publish(&heap);
    }
}

impl Armed {
    /// Cancels; true when it will not fire, false when it has. Afterwards nobody refers to the context.
    /// Waits for a call of `fire` that goes on on another thread.
    pub(crate) fn cancel(self) -> bool {
        let next = (self.armed & !PHASE).wrapping_add(PHASE + 1) | IDLE;
        // AcqRel: pairs with `claim` (T3).
        let won = self
            .node
            .state
            .compare_exchange(self.armed, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if won {
            self.home.cancelled();
        } else {
            let firing = self.armed & !PHASE | FIRING;
            // Acquire: pairs with Release at the end of `fire_claimed` (T3).
            while self.node.state.load(Ordering::Acquire) == firing {
                hint::spin_loop();
            }
        }
        won
    }

    /// Gives the node back for another use. After `cancel`, or when it is known to have fired.
    pub(crate) fn release(self) {
        Node::give(self.node);
    }
}

/// Nodes nobody uses, linked through themselves.
struct FreeNodes(*const Node);

// SAFETY: nodes are never freed and shared freely.
unsafe impl Send for FreeNodes {}

static FREE: Lock<FreeNodes> = Lock::new(FreeNodes(ptr::null()));

impl Node {
    /// Claims the use `armed` for firing (T2).
    fn claim(&self, armed: u64) -> bool {
        // Acquire: pairs with Release in `arm` (T1).
        self.state
            .compare_exchange(armed, armed & !PHASE | FIRING, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Calls what a claimed node is for, ends the use, then readies the waiter.
    fn fire_claimed(&self, ready: &mut dyn FnMut(Waiter)) {
        // SAFETY: armed with a context that is valid until this use is over (contract of `arm`), which T3
        // makes the owner wait for.
        let waiter = unsafe { (self.fire.get())(self.context.get()) };
        // Relaxed: this thread has claimed it.
        let state = self.state.load(Ordering::Relaxed);
        // Release: pairs with Acquire in `cancel` (T3).
        self.state.store((state & !PHASE).wrapping_add(PHASE + 1) | IDLE, Ordering::Release);
        if let Some(waiter) = waiter {
            ready(waiter);
        }
    }

    fn take() -> &'static Node {
        let mut free = FREE.lock();
        // SAFETY: nodes are never freed.
        if let Some(node) = unsafe { free.0.as_ref() } {
            free.0 = node.link.get();
            return node;
        }
        const CHUNK: usize = 1024;
        let base: NonNull<Node> = arena::map(CHUNK * size_of::<Node>()).cast();
        for i in 0..CHUNK {
            // SAFETY: inside the mapping just made.
            let place = unsafe { base.add(i) };
            let link = Cell::new(free.0);
            let node = Node {
                state: AtomicU64::new(IDLE),
                fire: Cell::new(never_fires),
                context: Cell::new(ptr::null()),
                link,
            };
            // SAFETY: in bounds, aligned (page-aligned base), nobody else has it.
            unsafe { place.write(node) };
            free.0 = place.as_ptr();
        }
        // SAFETY: just linked, so not null; nodes are never freed.
        let node = unsafe { &*free.0 };
        free.0 = node.link.get();
        node
    }

    fn give(node: &'static Node) {
        let mut free = FREE.lock();
        node.link.set(free.0);
        free.0 = node;
    }
}

/// What an unused node would do.
unsafe fn never_fires(_: *const ()) -> Option<Waiter> {
    None
}

fn sift_up(heap: &mut [Entry], mut i: usize) {
    let entry = heap[i];
    while i > 0 {
        let parent = (i - 1) / ARITY;
        if heap[parent].when <= entry.when {
            break;
        }
        heap[i] = heap[parent];
        i = parent;
    }
    heap[i] = entry;
}

fn sift_down(heap: &mut [Entry], mut i: usize) {
    let Some(&entry) = heap.get(i) else { return };
    loop {
        let first = i * ARITY + 1;
        let children = first..(first + ARITY).min(heap.len());
        let Some(least) = children.min_by_key(|&c| heap[c].when) else { break };
        if heap[least].when >= entry.when {
            break;
        }
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = entry;
}

fn pop(heap: &mut MapVec<Entry>) -> Option<Entry> {
    let last = heap.pop()?;
    let Some(first) = heap.first_mut() else { return Some(last) };
    let top = std::mem::replace(first, last);
    sift_down(heap, 0);
    Some(top)
}

#[cfg(all(test, not(loom)))]
#[path = "timers_tests.rs"]
mod tests;
