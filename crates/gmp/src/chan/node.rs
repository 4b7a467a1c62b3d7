//! Wait nodes and the queues they form: who waits at a channel, in the order of arrival.
//!
//! A node lies on the stack of whoever waits, so waiting allocates nothing and leaving a queue from the
//! middle costs O(1). Used by `core` (plain and timed waits), `select` (one node per case) and `future`.
//!
//! ```text
//!   State.receivers          stack of goroutine A         stack of thread B
//!   ┌──────┐                 ┌──────────────────┐         ┌──────────────────┐
//!   │ head │───────────────▶ │ next             │───────▶ │ next = ∅         │
//!   │ tail │─────────┐       │ prev = ∅         │ ◀───────│ prev             │
//!   └──────┘         │       │ slot ─▶ value    │         │ slot ─▶ value    │
//!                    │       │ waiter, claim    │    ┌──▶ │ waiter, claim    │
//!                    └───────│──────────────────│────┘    └──────────────────┘
//! ```
//!
//! Who may touch a node:
//! - **N1** its owner, until it is linked. The channel's lock is held from then until the owner's park has
//!   committed, so nobody sees the node before its owner is saved.
//! - **N2** whoever holds the channel's lock, while the node is linked.
//! - **N3** whoever popped it *and* won its claim, if it has one, until that one calls `ready`; the owner
//!   stays parked until then. The slot too is theirs.
//! - **N4** the owner again, after it was woken and, where it has a claim, after it has taken the lock once
//!   more and found or made the node unlinked. Who lost a claim does not touch the node after unlocking.
//! - **N5** a node of a task (`Kind::Task`) is only ever touched under the lock, since its owner, a future,
//!   may be dropped at any time.

use std::ptr::{self, NonNull};
use std::task::Waker;

use gmp_sched::Claim;

use super::sync::{Cell, Critical, Waiter, critical};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has not.
    Pending,
    /// The value has moved: into the receiver's slot, or out of the sender's.
    Done,
    /// The channel was closed; nothing moved.
    Closed,
    /// Nothing moved; look again.
    Again,
    /// A dynamic send was given a place in the buffer ([`State::reserved`](super::core::State)).
    Permit,
    /// A dynamic send was paired with the receiver whose node is in the slot.
    Paired,
}

/// Who waits behind a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A goroutine or thread.
    Parked,
    /// A future: the node is the first field of a [`TaskNode`].
    Task,
}

/// One wait at one channel.
#[derive(Debug)]
pub(crate) struct Node {
    next: Cell<*const Node>,
    prev: Cell<*const Node>,
    linked: Cell<bool>,
    kind: Kind,
    /// Written by who ends the wait.
    pub(crate) outcome: Cell<Outcome>,
    /// Nobody, for tasks.
    waiter: Option<Waiter>,
    /// Decides who ends the wait, where several could. Valid while the node is.
    claim: *const Claim,
    /// What the claim is won with.
    token: usize,
    /// The value to take, or the place to fill. Null: a dynamic send, whose value comes later.
    pub(crate) slot: Cell<*mut ()>,
}

/// The node of a future.
#[repr(C)]
pub(crate) struct TaskNode {
    pub(crate) node: Node,
    /// Guarded by the lock of the channel while the node is linked.
    pub(crate) waker: Cell<Option<Waker>>,
}

impl Node {
    /// The wait of `waiter`, which nobody else ends but the channel.
    pub(crate) fn parked(waiter: Waiter, slot: *mut ()) -> Node {
        Node { kind: Kind::Parked, waiter: Some(waiter), slot: Cell::new(slot), ..Node::task() }
    }

    /// The wait of `waiter`, for which whoever ends it must win `claim` with `token`.
    pub(crate) fn claimed(
        waiter: Waiter,
        slot: *mut (),
        claim: *const Claim,
        token: usize,
    ) -> Node {
        Node { claim, token, ..Node::parked(waiter, slot) }
    }

    /// The node of a task, which waits for nothing yet.
    pub(crate) fn task() -> Node {
        Node {
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            linked: Cell::new(false),
            kind: Kind::Task,
            outcome: Cell::new(Outcome::Pending),
            waiter: None,
            claim: ptr::null(),
            token: 0,
            slot: Cell::new(ptr::null_mut()),
        }
    }

    /// Says to a model that nobody but the owner uses it from now on.
    pub(crate) fn take_back(&self) {
        self.linked.set(false);
        self.outcome.set(self.outcome.get());
    }

    /// Whether it is in its queue. Meaningful under the lock.
    #[inline]
    pub(crate) fn is_linked(&self) -> bool {
        self.linked.get()
    }

    #[inline]
    pub(crate) fn is_task(&self) -> bool {
        self.kind == Kind::Task
    }

    /// Whether this is a send whose value comes later.
    #[inline]
    pub(crate) fn is_dynamic(&self) -> bool {
        self.slot.get().is_null()
    }

    /// Wins the wait, if there is a contest.
    #[inline]
    fn try_claim(&self) -> bool {
        // SAFETY: the claim is valid while the node is linked (N2), and it is, or was until just now under
        // the same lock.
        self.claim.is_null() || unsafe { &*self.claim }.try_claim(self.token)
    }

    /// Whether nobody has won the wait yet.
    #[inline]
    fn is_open(&self) -> bool {
        // SAFETY: as in `try_claim`.
        self.claim.is_null() || unsafe { &*self.claim }.winner() == Claim::OPEN
    }

    /// Ends the wait of the parked owner of `node`. The node is gone afterwards.
    ///
    /// # Safety
    ///
    /// The caller popped `node` (N3), which is not a task's, and calls this once.
    #[inline]
    pub(crate) unsafe fn wake(node: NonNull<Node>, outcome: Outcome) {
        // SAFETY: passed on.
        unsafe { Node::wake_in(&critical(), node, outcome) };
    }

    /// As [`wake`](Node::wake), for who is in a section already.
    ///
    /// # Safety
    ///
    /// As for `wake`.
    #[inline]
    pub(crate) unsafe fn wake_in(section: &Critical, node: NonNull<Node>, outcome: Outcome) {
        // SAFETY: the node is the caller's until `ready` (contract).
        let this = unsafe { node.as_ref() };
        this.outcome.set(outcome);
        if let Some(waiter) = this.waiter {
            // SAFETY: once (contract); it was linked, so its commit has begun.
            unsafe { waiter.ready_in(section) };
        }
    }

    /// Records the end of a task's wait and takes its waker, to be woken after unlocking.
    ///
    /// # Safety
    ///
    /// `node` is a task's, and the lock of its channel is held (N5).
    pub(crate) unsafe fn end_task(node: NonNull<Node>, outcome: Outcome) -> Option<Waker> {
        // SAFETY: a task's node is the first field of a `TaskNode` (repr C), alive while the lock is held.
        let task = unsafe { node.cast::<TaskNode>().as_ref() };
        task.node.outcome.set(outcome);
        task.waker.take()
    }
}

/// Waiters in the order of their arrival. Lives under the lock of a channel.
#[derive(Debug)]
pub(crate) struct Queue {
    head: *const Node,
    tail: *const Node,
}

impl Queue {
    pub(crate) const fn new() -> Queue {
        Queue { head: ptr::null(), tail: ptr::null() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// How many are linked.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        std::iter::successors(NonNull::new(self.head.cast_mut()), |node| {
            // SAFETY: linked, so valid (N2): the caller holds the lock, having `self`.
            NonNull::new(unsafe { node.as_ref() }.next.get().cast_mut())
        })
        .count()
    }

    /// Links `node` behind the others.
    ///
    /// # Safety
    ///
    /// `node` is not linked, and stays in place until it is not linked any more.
    #[inline]
    pub(crate) unsafe fn push(&mut self, node: *const Node) {
        // SAFETY: valid (contract).
        let new = unsafe { &*node };
        debug_assert!(!new.linked.get());
        new.next.set(ptr::null());
        new.prev.set(self.tail);
        new.linked.set(true);
        if self.tail.is_null() {
            self.head = node;
        } else {
            // SAFETY: linked, so valid (N2).
            unsafe { &*self.tail }.next.set(node);
        }
        self.tail = node;
    }

    /// Takes `node` out of the queue; the order of the rest stays.
    ///
    /// # Safety
    ///
    /// `node` is linked in this queue.
    #[inline]
    pub(crate) unsafe fn unlink(&mut self, node: *const Node) {
        // SAFETY: linked (contract), so valid.
        let old = unsafe { &*node };
        let (prev, next) = (old.prev.get(), old.next.get());
        if prev.is_null() {
            self.head = next;
        } else {
            // SAFETY: a neighbour is linked, so valid.
            unsafe { &*prev }.next.set(next);
        }
        if next.is_null() {
            self.tail = prev;
        } else {
            // SAFETY: as above.
            unsafe { &*next }.prev.set(prev);
        }
        old.linked.set(false);
    }

    /// As [`unlink`](Queue::unlink), for the first one.
    ///
    /// # Safety
    ///
    /// `node` is the first of this queue.
    #[inline]
    unsafe fn unlink_first(&mut self, node: NonNull<Node>) {
        // SAFETY: linked (contract), so valid.
        let old = unsafe { node.as_ref() };
        let next = old.next.get();
        self.head = next;
        // SAFETY: a neighbour is linked, so valid.
        match unsafe { next.as_ref() } {
            None => self.tail = ptr::null(),
            Some(next) => next.prev.set(ptr::null()),
        }
        old.linked.set(false);
    }

    /// The one that has waited longest and still waits, taken out and won. Those that somebody else has won
    /// meanwhile are dropped on the way; they take care of themselves (N4).
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<NonNull<Node>> {
        loop {
            let node = NonNull::new(self.head.cast_mut())?;
            // SAFETY: linked in this queue, before the others.
            unsafe { self.unlink_first(node) };
            // SAFETY: valid until the lock is released at least (N2).
            if unsafe { node.as_ref() }.try_claim() {
                return Some(node);
            }
        }
    }

    /// Whether anybody in the queue still waits.
    #[inline]
    pub(crate) fn has_open(&mut self) -> bool {
        loop {
            let Some(node) = NonNull::new(self.head.cast_mut()) else { return false };
            // SAFETY: linked, so valid (N2).
            if unsafe { node.as_ref() }.is_open() {
                return true;
            }
            // SAFETY: linked in this queue, before the others.
            unsafe { self.unlink_first(node) };
        }
    }
}
