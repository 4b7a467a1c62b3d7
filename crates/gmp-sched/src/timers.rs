//! Timers: a heap per P, and nodes that know their place in it.
//!
//! A waiter with a deadline puts a node into the heap of the P it runs on; when it is due, whoever looks (the owner, a
//! thief, the monitor) fires it. Cancelling takes it out of the heap at once, so nothing is left behind that somebody
//! would have to sweep: a sweep of a million leftovers, as in Go, holds the lock for milliseconds. Nodes are
//! never freed, and each use of one has a number of its own (`firing.rs`), so an owner that comes too late finds that out.
//!
//! - **T1** the owner takes a free node, writes `fire` and `context`, then ARMED (Release), then puts it into the heap;
//!   all of it under the heap's lock.
//! - **T2** firing takes due nodes out of the heap, lets go of the lock, claims ARMED → FIRING for the use that it saw
//!   (Acquire), calls, then IDLE (Release), and gives the node back.
//! - **T3** cancelling claims ARMED → IDLE, takes the node out of the heap if it is still there, and gives it
//!   back. If it finds FIRING it waits for the end of the call, so that afterwards nothing of the
//!   runtime refers to the context, which is on the waiter's stack.
//! - **T4** moving looks, under the lock, whether the node is in the heap and still in the use that the caller armed; then
//!   nobody has taken it out to fire it, and its entry gets another time. Otherwise it is too late for that.
//!
//! So whoever wins the claim gives the node back, and a node's place is touched under the lock only.

use std::cell::Cell;
use std::hint;
use std::ptr::{self, NonNull};

use gmp_context::prefetch;

use crate::arena::{self, MapVec};
use crate::clock::NEVER;
use crate::firing::{Cancelled, Firing};
use crate::lock::{Lock, LockGuard};
use crate::sync::plain::{AtomicU64, Ordering};
use crate::wait::Waiter;

/// The place of a node that is in no heap.
const NOWHERE: usize = usize::MAX;

/// Called when a timer is due: decides, in a critical section, whether a waiter is to be readied.
pub(crate) type Fire = unsafe fn(*const ()) -> Option<Waiter>;

/// One timer, in use or not. Never freed; always of the same heap.
#[derive(Debug)]
pub(crate) struct Node {
    firing: Firing,
    fire: Cell<Fire>,
    context: Cell<*const ()>,
    /// Where it is in the heap; while it is free, unused. Guarded by the heap's lock.
    place: Cell<usize>,
    /// Next free one. Guarded by the heap's lock.
    link: Cell<*const Node>,
}

// SAFETY: `fire` and `context` are written while IDLE by the one who took the node, read while FIRING by the one who
// claimed it; the state word orders the two (T1, T2). `place` and `link` are guarded by the heap's lock.
unsafe impl Sync for Node {}

/// A timer that was armed: what cancelling needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Armed {
    node: &'static Node,
    /// The state word while armed.
    armed: u64,
    home: &'static Timers,
}

/// An entry: due when, which node.
#[derive(Debug, Clone, Copy)]
struct Entry {
    when: u64,
    node: &'static Node,
}

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: Lock<Heap>,
    /// When the first entry is due; NEVER without one. Written under the lock.
    earliest: AtomicU64,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Heap {
    entries: MapVec<Entry>,
    /// Nodes nobody uses, linked through themselves.
    free: *const Node,
}

// SAFETY: nodes are never freed, and only touched as their doc says.
unsafe impl Send for Heap {}

/// The heap of a P, locked, after something was put in.
pub(crate) type Locked<'a> = LockGuard<'a, Heap>;

/// Timers fired per look at the heap: bounds the time its lock is held, and the array below.
const BATCH: usize = 32;

/// A 4-ary heap (Go's choice): half the levels of a binary one, and the four children lie in two neighbouring cache lines.
const ARITY: usize = 4;

impl Timers {
    /// No timers.
    pub(crate) fn new() -> Timers {
        let heap = Heap { entries: MapVec::new(), free: ptr::null() };
        Timers { heap: Lock::new(heap), earliest: AtomicU64::new(NEVER) }
    }

    /// When the first is due, as far as is known without the lock.
    #[inline]
    pub(crate) fn earliest(&self) -> u64 {
        // Acquire: pairs with Release in `publish`.
        self.earliest.load(Ordering::Acquire)
    }

    /// Arms a node for `when` and returns with the heap still locked (T1): it cannot fire before the caller
    /// drops the guard (from the successor's stack, when the caller is wholly saved). `context` must stay
    /// valid until the timer has fired or been cancelled.
    pub(crate) fn arm(
        &'static self,
        when: u64,
        fire: Fire,
        context: *const (),
    ) -> (Armed, Locked<'static>) {
        let mut heap = self.heap.lock();
        let node = heap.take_node();
        node.fire.set(fire);
        node.context.set(context);
        let armed = node.firing.arm();
        if heap.insert(Entry { when, node }) == 0 {
            self.publish(&heap);
        }
        (Armed { node, armed, home: self }, heap)
    }

    fn publish(&self, heap: &Heap) {
        // Release: pairs with Acquire in `earliest`.
        self.earliest.store(heap.entries.first().map_or(NEVER, |e| e.when), Ordering::Release);
    }

    /// Fires what is due at `now` and passes the waiters on (T2). Any thread, in a critical section. Returns how
    /// many fired.
    pub(crate) fn run_due(&self, now: u64, ready: &mut dyn FnMut(Waiter)) -> usize {
        let mut fired = 0;
        while self.earliest() <= now {
            let mut due: [Option<Due>; BATCH] = [const { None }; BATCH];
            let mut heap = self.heap.lock();
            for slot in &mut due {
                match heap.entries.first() {
                    Some(e) if e.when <= now => *slot = heap.remove(0).map(Due::new),
                    _ => break,
                }
            }
            self.publish(&heap);
            drop(heap);
            for slot in &mut due {
                match slot {
                    Some(due) if due.node.firing.claim(due.seen) => {
                        due.node.fire_claimed(ready);
                        fired += 1;
                    }
                    // Cancelled meanwhile: the node is the canceller's.
                    _ => *slot = None,
                }
            }
            let mut heap = self.heap.lock();
            due.iter().flatten().for_each(|due| heap.give_node(due.node));
        }
        fired
    }
}

impl Armed {
    /// Cancels; true when it will not fire, false when it has. Afterwards nobody refers to the context (T3).
    /// Waits for a call of `fire` that goes on on another thread.
    pub(crate) fn cancel(self) -> bool {
        let Armed { node, armed, home } = self;
        let prevented = node.firing.cancel(armed) == Cancelled::Prevented;
        if prevented {
            let mut heap = home.heap.lock();
            let place = node.place.get();
            if place != NOWHERE {
                heap.remove(place);
                if place == 0 {
                    home.publish(&heap);
                }
            }
            heap.give_node(node);
        } else {
            while node.firing.is_firing(armed) {
                hint::spin_loop();
            }
        }
        prevented
    }

    /// Moves it to `when`; false when that is too late, because it fires or has fired (T4). True tells that it was
    /// still to fire, and will at `when` unless it is cancelled.
    pub(crate) fn reset(self, when: u64) -> bool {
        let Armed { node, armed, home } = self;
        let mut heap = home.heap.lock();
        let place = node.place.get();
        // The place alone is not enough: by now the node may be in somebody else's use.
        if place == NOWHERE || !node.firing.is_armed(armed) {
            return false;
        }
        if heap.relocate(place, when) == 0 || place == 0 {
            home.publish(&heap);
        }
        true
    }

    /// Whether it is due before the others of its heap, as far as is known without the lock.
    pub(crate) fn may_be_first(self, when: u64) -> bool {
        when <= self.home.earliest()
    }
}

/// A node that was due, and which use of it.
struct Due {
    node: &'static Node,
    seen: u64,
}

impl Due {
    /// Under the lock, so that the node's use cannot change meanwhile.
    fn new(node: &'static Node) -> Due {
        // The waiter slept: its stack is in no cache. All of a batch are asked for before the first is used.
        prefetch(node.context.get().cast());
        Due { node, seen: node.firing.look() }
    }
}

impl Node {
    /// Calls what a claimed node is for, ends the use, then readies the waiter.
    fn fire_claimed(&self, ready: &mut dyn FnMut(Waiter)) {
        // SAFETY: armed with a context that is valid until this use is over (contract of `arm`), which T3
        // makes the owner wait for.
        let waiter = unsafe { (self.fire.get())(self.context.get()) };
        self.firing.done();
        if let Some(waiter) = waiter {
            ready(waiter);
        }
    }
}

impl Heap {
    /// A free node of this heap.
    fn take_node(&mut self) -> &'static Node {
        if self.free.is_null() {
            self.make_nodes();
        }
        // SAFETY: not null (above); nodes are never freed.
        let node = unsafe { &*self.free };
        self.free = node.link.get();
        node
    }

    fn give_node(&mut self, node: &'static Node) {
        node.link.set(self.free);
        self.free = node;
    }

    #[cold]
    fn make_nodes(&mut self) {
        const CHUNK: usize = 256;
        let base: NonNull<Node> = arena::map(CHUNK * size_of::<Node>()).cast();
        for i in (0..CHUNK).rev() {
            // SAFETY: inside the mapping just made.
            let place = unsafe { base.add(i) };
            let node = Node {
                firing: Firing::new(),
                fire: Cell::new(never_fires),
                context: Cell::new(ptr::null()),
                place: Cell::new(NOWHERE),
                link: Cell::new(self.free),
            };
            // SAFETY: in bounds, aligned (page-aligned base), nobody else has it.
            unsafe { place.write(node) };
            self.free = place.as_ptr();
        }
    }

    /// Puts an entry in; returns its place.
    fn insert(&mut self, entry: Entry) -> usize {
        let end = self.entries.len();
        self.entries.push(entry);
        self.sift_up(end, entry)
    }

    /// Takes out what is at `place`.
    fn remove(&mut self, place: usize) -> Option<&'static Node> {
        let last = self.entries.pop()?;
        let removed = match self.entries.get(place) {
            None => last,
            Some(&there) => {
                // The last one fills the gap, and goes up or down from there.
                if self.sift_up(place, last) == place {
                    self.sift_down(place, last);
                }
                there
            }
        };
        removed.node.place.set(NOWHERE);
        Some(removed.node)
    }

    /// Gives what is at `place` another time; returns its new place.
    fn relocate(&mut self, place: usize, when: u64) -> usize {
        let entry = Entry { when, node: self.entries[place].node };
        match self.sift_up(place, entry) {
            unmoved if unmoved == place => self.sift_down(place, entry),
            above => above,
        }
    }

    fn put(&mut self, place: usize, entry: Entry) {
        entry.node.place.set(place);
        self.entries[place] = entry;
    }

    /// Puts `entry` at `place` or above, moving parents down; returns where.
    fn sift_up(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let above = (place - 1) / ARITY;
            let parent = self.entries[above];
            if parent.when <= entry.when {
                break;
            }
            self.put(place, parent);
            place = above;
        }
        self.put(place, entry);
        place
    }

    /// Puts `entry` at `place` or below, moving children up; returns where.
    fn sift_down(&mut self, mut place: usize, entry: Entry) -> usize {
        loop {
            let first = place * ARITY + 1;
            let children = first..(first + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&c| self.entries[c].when) else { break };
            let child = self.entries[least];
            if child.when >= entry.when {
                break;
            }
            self.put(place, child);
            place = least;
        }
        self.put(place, entry);
        place
    }
}

/// What an unused node would do.
unsafe fn never_fires(_: *const ()) -> Option<Waiter> {
    None
}

#[cfg(all(test, not(loom)))]
#[path = "timers_tests.rs"]
mod tests;
