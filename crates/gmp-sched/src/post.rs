//! The watcher's post: where those who wake it look for it, and whose turn it is to poll.
//!
//! Of the sleeping Ms of a runtime one watches: it sleeps in the poller, until the first timer of any P. Who hands it a P
//! ends its watch, under the lock of the lists, and then pokes it; from then on another M may watch while this one is
//! still on its way out of the poller. So:
//!
//! - **V1** an M writes here under that lock and while it is the watcher only, and wipes out only its own traces: what
//!   the next watcher has written is what pokes go by.
//! - **V2** announce, fence, look: who pokes writes (a timer, a P), passes a fence, and then reads where the watcher is.
//!   One of the two sees what the other wrote.
//! - **V3** the poller's wake is one for all who poll: the next watcher may use up the one meant for this M before it
//!   polls itself. So it looks once more when it has the poller to itself; who used up the wake gave the turn back
//!   afterwards, so that what the wake told of is seen by then.
//! - **V4** the poller, and its wake, are the process's, and runtimes follow each other. Take the turn, fence, and do not
//!   poll if the runtime stops. The next one starts when it has, after a fence, seen nobody have the turn (Z5 of
//!   `stop.rs`): from then on nobody of the last one polls, nor takes a wake.

use std::ptr;

use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence, mutant};

/// The post of one runtime; `M` is what watches.
#[derive(Debug)]
pub(crate) struct Post<M> {
    /// Until when the watcher sleeps; 0 when nobody watches.
    until: AtomicU64,
    /// The watcher, while it may sleep in the poller.
    watcher: AtomicPtr<M>,
    /// Somebody polls.
    polling: AtomicBool,
}

impl<M> Post<M> {
    /// Nobody watches.
    pub(crate) fn new() -> Post<M> {
        Post {
            until: AtomicU64::new(0),
            watcher: AtomicPtr::new(ptr::null_mut()),
            polling: AtomicBool::new(false),
        }
    }

    /// V1 and V2, by the watcher `me`, with the lock of the lists: it is going to sleep until the `first` timer, which is
    /// returned. Whoever arms an earlier one or hands over a P from now on sees that; `me` sees whoever did before.
    pub(crate) fn announce(&self, me: *mut M, first: impl Fn() -> u64) -> u64 {
        // Relaxed: while it says 0 nobody needs to poke; ordered by the fence below.
        self.until.store(0, Ordering::Relaxed);
        let until = first();
        // Relaxed: as above.
        self.until.store(until, Ordering::Relaxed);
        // Relaxed: as above. A swap, which costs nothing beside the fence: in loom a store may be overtaken by the exchange of
        // `leave` that it comes after.
        self.watcher.swap(me, Ordering::Relaxed);
        if !mutant("post_no_fence") {
            // SeqCst fence (V2): pairs with those in `sleeps_past` and `is_at`.
            fence(Ordering::SeqCst);
        }
        until
    }

    /// `me` does not sleep in the poller any more.
    pub(crate) fn leave(&self, me: *mut M) {
        if mutant("post_wipes_all") {
            return self.watcher.store(ptr::null_mut(), Ordering::Relaxed);
        }
        // Relaxed: the lock of the lists orders the watchers; which of them stands here is a fact about this word alone (V1).
        if ptr::eq(self.watcher.load(Ordering::Relaxed), me) {
            let nobody = ptr::null_mut();
            // Relaxed: only saves others a needless wake.
            let _ = self.watcher.compare_exchange(me, nobody, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Nobody watches, by the one who ended the watch, with the lock of the lists.
    pub(crate) fn vacate(&self) {
        // Relaxed: whoever comes next says until when.
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether nobody watches nor polls: a hint.
    pub(crate) fn is_vacant(&self) -> bool {
        // Relaxed: a hint.
        self.until.load(Ordering::Relaxed) == 0 && !self.polling.load(Ordering::Relaxed)
    }

    /// V2: whether the watcher has to be poked, now that a timer is armed for `at`.
    pub(crate) fn sleeps_past(&self, at: u64) -> bool {
        // SeqCst fence: pairs with the one in `announce`: either that one sees the timer or this sees its deadline.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence.
        at < self.until.load(Ordering::Relaxed)
    }

    /// V2: whether `m`, which has just been handed a P, may sleep in the poller.
    pub(crate) fn is_at(&self, m: *const M) -> bool {
        // SeqCst fence: pairs with the one in `announce`: either that one sees the P or this sees where it sleeps.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence.
        ptr::eq(self.watcher.load(Ordering::Relaxed), m)
    }

    /// Polls, if nobody else does and, V4, the runtime is not `stopping`; whether it has. For V3 `poll` looks whether there is
    /// any reason not to sleep.
    pub(crate) fn poll(&self, stopping: impl FnOnce() -> bool, poll: impl FnOnce()) -> bool {
        // Acquire: pairs with Release below; what a wake that was used up told of (V3).
        if self.polling.swap(true, Ordering::Acquire) {
            return false;
        }
        // SeqCst fence (V4): pairs with the one in `is_polled`.
        fence(Ordering::SeqCst);
        let polls = mutant("post_polls_on") || !stopping();
        if polls {
            poll();
        }
        let order = if mutant("post_turn_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.polling.store(false, order); // Release: pairs with Acquire above and in `is_polled`.
        polls
    }

    /// Whether somebody polls at this moment: a hint.
    pub(crate) fn polls(&self) -> bool {
        // Relaxed: a hint.
        self.polling.load(Ordering::Relaxed)
    }

    /// V4, after the runtime was told to stop: whether somebody of it may still poll.
    pub(crate) fn is_polled(&self) -> bool {
        // SeqCst fence (V4): pairs with the one in `poll`: either that one sees that the runtime stops or this that it polls.
        fence(Ordering::SeqCst);
        // Acquire: pairs with Release in `poll`.
        self.polling.load(Ordering::Acquire)
    }
}

#[cfg(test)]
#[path = "post_tests.rs"]
mod tests;
