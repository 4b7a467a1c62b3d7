//! A queue of waiters whose nodes lie on the waiting stacks.
//!
//! All primitives of `gmp::sync` that make somebody wait are a word of state and such a queue under a
//! [`Lock`]. A node is a local variable of the waiting function, so waiting allocates nothing and leaving
//! the queue costs O(1). The unsafe part of all this is here; the primitives above are written against
//! three safe calls: [`WaitNode::wait`], [`WaitList::pop`] and [`Popped::wake`].
//!
//! ```text
//!   Lock<WaitList>            stack of waiter A        stack of waiter B
//!   ┌──────┐                  ┌──────────────┐         ┌──────────────┐
//!   │ head │────────────────▶ │ next         │───────▶ │ next = ∅     │
//!   │ tail │──────────┐       │ prev = ∅     │ ◀───────│ prev         │
//!   └──────┘          │       │ waiter       │         │ waiter       │
//!                     └───────│──────────────│───────▶ └──────────────┘
//! ```
//!
//! Who may touch a node:
//! - **L1** its owner, until it is linked; the lock of the list is held from before that until the
//!   owner's park has committed;
//! - **L2** whoever holds the lock, while it is linked;
//! - **L3** whoever popped it ([`Popped`]), until it calls `ready`; the owner stays parked until then;
//! - **L4** in a timed wait the owner may come back without being popped, or popped by somebody who lost
//!   the claim. It takes the lock before it leaves the function, and unlinks itself if need be.
//!   Whoever lost a claim does not touch the node after it released the lock.

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
use std::time::Instant;

use gmp_sched::{Claim, Lock, LockGuard, WaitReason, Waiter, park, park_until};

/// Where a waiter is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has waited before and lost to a newcomer.
    Front,
    /// It is new.
    Back,
}

/// How a timed wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Woken, with this grant.
    Woken(usize),
    /// The deadline passed; nobody has woken or will wake this wait.
    TimedOut,
}

/// The claim's token of whoever wakes; the clock has its own.
const WOKEN: usize = 1;

/// One wait, on the waiter's stack.
#[derive(Debug)]
pub(crate) struct WaitNode {
    prev: Cell<Option<NonNull<WaitNode>>>,
    next: Cell<Option<NonNull<WaitNode>>>,
    linked: Cell<bool>,
    waiter: Waiter,
    /// Decides between the waker and the clock in timed waits.
    claim: Option<Claim>,
    /// What the waiter asks for; the primitive gives it its meaning.
    demand: usize,
    /// What the waker gave; read by the owner after it was woken.
    grant: Cell<usize>,
}

impl WaitNode {
    /// A wait of the caller that only a waker ends. Call it outside critical sections: a thread's first
    /// wait may allocate.
    pub(crate) fn new(demand: usize) -> WaitNode {
        WaitNode {
            prev: Cell::new(None),
            next: Cell::new(None),
            linked: Cell::new(false),
            waiter: Waiter::current(),
            claim: None,
            demand,
            grant: Cell::new(0),
        }
    }

    /// A wait of the caller that a deadline may end, too.
    pub(crate) fn timed(demand: usize) -> WaitNode {
        WaitNode { claim: Some(Claim::new()), ..WaitNode::new(demand) }
    }

    /// Links the node into the list that `pick` finds in the locked state, parks, and returns the grant.
    /// The lock is released once the caller is parked; `before` runs just before that, in the commit.
    ///
    /// Parks the goroutine, blocks a plain thread.
    pub(crate) fn wait<T>(
        self,
        mut state: LockGuard<'_, T>,
        pick: fn(&mut T) -> &mut WaitList,
        end: End,
        reason: WaitReason,
        before: impl FnOnce(),
    ) -> usize {
        pick(&mut state).link(&self, end);
        let commit = move || {
            before();
            drop(state);
        };
        // SAFETY: `waiter` is `Waiter::current()` of this caller, who has not parked since `new`; it is
        // readied once, by the one who popped the node, which needs the lock that the commit releases last.
        unsafe { park(self.waiter, reason, commit) };
        self.grant.get()
    }

    /// As [`wait`](WaitNode::wait), for at most until `deadline`. `lock` is the lock that `state` guards.
    pub(crate) fn wait_until<T>(
        self,
        lock: &Lock<T>,
        mut state: LockGuard<'_, T>,
        pick: fn(&mut T) -> &mut WaitList,
        reason: WaitReason,
        deadline: Instant,
        before: impl FnOnce(),
    ) -> Ended {
        pick(&mut state).link(&self, End::Back);
        let commit = move || {
            before();
            drop(state);
        };
        let Some(claim) = &self.claim else { broken("a timed wait without a claim") };
        // SAFETY: as in `wait`; whoever pops the node wins the claim before it calls `ready`.
        unsafe { park_until(self.waiter, reason, deadline, claim, commit) };
        if claim.winner() == WOKEN {
            return Ended::Woken(self.grant.get());
        }
        // L4: also when the node is no longer linked, for the one that unlinked it may still be at it.
        pick(&mut lock.lock()).unlink(NonNull::from(&self));
        Ended::TimedOut
    }
}

/// The queue. It lives in a [`Lock`], which is what makes its methods safe.
pub(crate) struct WaitList {
    head: Option<NonNull<WaitNode>>,
    tail: Option<NonNull<WaitNode>>,
}

// SAFETY: nodes are touched under rules L1 to L4 only, which do not care on which thread.
unsafe impl Send for WaitList {}

impl WaitList {
    pub(crate) const fn new() -> WaitList {
        WaitList { head: None, tail: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// What the first in the queue asks for.
    pub(crate) fn first_demand(&self) -> Option<usize> {
        // SAFETY: linked, and the list is borrowed from its lock (L2).
        self.head.map(|node| unsafe { node.as_ref() }.demand)
    }

    /// Takes the first waiter whose wait is not over out of the queue; its wake is now owed by the caller.
    pub(crate) fn pop(&mut self) -> Option<Popped> {
        while let Some(node) = self.head {
            self.unlink(node);
            // SAFETY: it was linked, and the lock is held (L2).
            let waits = unsafe { node.as_ref() }.claim.as_ref();
            if waits.is_none_or(|claim| claim.try_claim(WOKEN)) {
                return Some(Popped(node));
            }
        }
        None
    }

    /// Takes all waiters whose wait is not over; their wakes are now owed by the caller.
    pub(crate) fn take(&mut self) -> PoppedList {
        let mut all = PoppedList::new();
        while let Some(waiter) = self.pop() {
            all.push(waiter);
        }
        all
    }

    /// How many wait, for tests.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let mut n = 0;
        let mut next = self.head;
        while let Some(node) = next {
            n += 1;
            // SAFETY: linked, and the list is borrowed from its lock (L2).
            next = unsafe { node.as_ref() }.next.get();
        }
        n
    }

    fn link(&mut self, node: &WaitNode, end: End) {
        let this = Some(NonNull::from(node));
        node.linked.set(true);
        match end {
            End::Front => {
                node.next.set(self.head);
                node.prev.set(None);
                match self.head {
                    // SAFETY: linked, and the lock is held (L2).
                    Some(old) => unsafe { old.as_ref() }.prev.set(this),
                    None => self.tail = this,
                }
                self.head = this;
            }
            End::Back => {
                node.prev.set(self.tail);
                node.next.set(None);
                match self.tail {
                    // SAFETY: as above.
                    Some(old) => unsafe { old.as_ref() }.next.set(this),
                    None => self.head = this,
                }
                self.tail = this;
            }
        }
    }

    fn unlink(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: the lock is held; the node is linked (L2) or the caller's own (L4).
        let node = unsafe { node.as_ref() };
        if !node.linked.replace(false) {
            return;
        }
        match node.prev.get() {
            // SAFETY: a neighbour is linked (L2).
            Some(prev) => unsafe { prev.as_ref() }.next.set(node.next.get()),
            None => self.head = node.next.get(),
        }
        match node.next.get() {
            // SAFETY: as above.
            Some(next) => unsafe { next.as_ref() }.prev.set(node.prev.get()),
            None => self.tail = node.prev.get(),
        }
    }
}

impl fmt::Debug for WaitList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").field("is_empty", &self.is_empty()).finish()
    }
}

/// A waiter that was taken out of its queue and not woken yet (L3).
#[derive(Debug)]
#[must_use = "it waits for ever unless it is woken"]
pub(crate) struct Popped(NonNull<WaitNode>);

impl Popped {
    /// What the waiter asked for.
    pub(crate) fn demand(&self) -> usize {
        // SAFETY: its owner is parked until `wake` (L3).
        unsafe { self.0.as_ref() }.demand
    }

    /// Ends the wait; the waiter gets `grant`. Neither parks nor blocks.
    pub(crate) fn wake(self, grant: usize) {
        let waiter = {
            // SAFETY: its owner is parked until `ready` below (L3).
            let node = unsafe { self.0.as_ref() };
            node.grant.set(grant);
            node.waiter
        };
        // SAFETY: popped once, and the claim, if any, is ours, so this is the one `ready`; the node was
        // found under the lock that its commit released.
        unsafe { waiter.ready() }
    }
}

/// Waiters that were taken out of their queues and not woken yet, in order.
#[derive(Debug)]
#[must_use = "they wait for ever unless they are woken"]
pub(crate) struct PoppedList(WaitList);

impl PoppedList {
    pub(crate) const fn new() -> PoppedList {
        PoppedList(WaitList::new())
    }

    pub(crate) fn push(&mut self, waiter: Popped) {
        // SAFETY: its owner is parked until it is woken (L3); this list is the only one that links it.
        self.0.link(unsafe { waiter.0.as_ref() }, End::Back);
    }

    /// Wakes them, first come first. Called without the lock: there may be many.
    pub(crate) fn wake(mut self, grant: usize) {
        while let Some(node) = self.0.head {
            self.0.unlink(node);
            Popped(node).wake(grant);
        }
    }
}

/// An invariant of this folder is broken: says so without allocating, and aborts.
#[cold]
pub(crate) fn broken(what: &'static str) -> ! {
    for part in ["gmp: ", what, "\n"] {
        // SAFETY: the text is valid for its length. A short or failed write changes nothing any more.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
    std::process::abort()
}
