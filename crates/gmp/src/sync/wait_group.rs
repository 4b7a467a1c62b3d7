//! `WaitGroup`: waits until a number of things are done.
//!
//! ```text
//! state   bits 1..   things that are not done yet
//!         bit 0      WAITERS: somebody waits; then the last `done` goes through the queue's lock
//! ```
//!
//! With WAITERS set the count reaches zero under the lock only, together with emptying the queue. So a
//! group may be used again at any time, also while earlier waiters are on their way out: nobody is woken
//! by a zero that was not theirs.

use std::sync::Arc;

use gmp_sched::{Lock, WaitReason};

use super::atomic::{AtomicUsize, Ordering};
use super::wait_list::{End, PoppedList, WaitList, WaitNode};

const WAITERS: usize = 1;
const ONE: usize = 2;

/// A counter that can be waited on to become zero. Clones share it.
///
/// ```
/// let group = gmp::sync::WaitGroup::new();
/// group.add(1);
/// let other = group.clone();
/// std::thread::spawn(move || other.done());
/// group.wait();
/// ```
#[derive(Debug, Clone, Default)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The bubble it was made in, 0 for none: waiting for it is durable there, and only there it is counted.
    bubble: u16,
    state: AtomicUsize,
    waiters: Lock<WaitList>,
}

impl Default for Shared {
    fn default() -> Shared {
        let bubble = gmp_sched::current_bubble();
        Shared { bubble, state: AtomicUsize::new(0), waiters: Lock::new(WaitList::new()) }
    }
}

impl WaitGroup {
    /// A group of nothing.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` things that have to be done. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When the count overflows; when the group was made in a [bubble](crate::testing::bubble), and the caller is not in it.
    #[track_caller]
    pub fn add(&self, n: usize) {
        self.check();
        let state = &self.shared.state;
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = state.load(Ordering::Relaxed);
        loop {
            let more = n.checked_mul(ONE).and_then(|n| s.checked_add(n));
            let Some(more) = more else { panic!("sync: WaitGroup counter overflows") };
            // Relaxed: `done` publishes work, announcing it does not.
            match state.compare_exchange_weak(s, more, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => s = now,
            }
        }
    }

    /// One thing is done. What the caller did before is visible to whom this lets go on. Neither parks nor
    /// blocks.
    ///
    /// # Panics
    ///
    /// When there was nothing left to do; as [`add`](WaitGroup::add), outside the group's bubble.
    #[track_caller]
    pub fn done(&self) {
        self.check();
        let state = &self.shared.state;
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = state.load(Ordering::Relaxed);
        while s != ONE | WAITERS {
            assert!(s >= ONE, "sync: negative WaitGroup counter");
            // Release: pairs with Acquire in `wait`, directly or through later `done`s.
            match state.compare_exchange_weak(s, s - ONE, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => s = now,
            }
        }
        self.done_last();
    }

    /// Waits until everything is done; at once if nothing is to be done. Parks the goroutine, blocks a
    /// plain thread.
    pub fn wait(&self) {
        // Acquire: pairs with Release in `done`.
        if self.shared.state.load(Ordering::Acquire) >= ONE {
            self.wait_slow();
        }
    }

    /// Starts `f` in a goroutine that counts as one thing to do, done when `f` returns, panics, or ends its
    /// goroutine. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.add(1);
        let done = Done(self.clone());
        drop(crate::go(move || {
            let _done = done;
            f();
        }));
    }

    /// Refuses goroutines from outside the bubble.
    #[inline]
    #[track_caller]
    fn check(&self) {
        if self.shared.bubble != 0 {
            self.check_bubble();
        }
    }

    #[cold]
    #[track_caller]
    fn check_bubble(&self) {
        let (here, bubble) = (gmp_sched::current_bubble(), self.shared.bubble);
        assert!(
            here == bubble || std::thread::panicking(),
            "a WaitGroup of bubble {bubble} was used outside it (in bubble {here})"
        );
    }

    /// The count seemed to be 1 and somebody waits: looks again under the lock.
    #[cold]
    fn done_last(&self) {
        let Shared { state, waiters, .. } = &*self.shared;
        let mut woken = PoppedList::new();
        let negative = {
            let mut queue = waiters.lock();
            // Relaxed: a first guess, as in `done`.
            let mut s = state.load(Ordering::Relaxed);
            loop {
                if s < ONE {
                    break true;
                }
                let last = s / ONE == 1;
                let next = if last { 0 } else { s - ONE };
                // AcqRel: Release as in `done`; Acquire pairs with it, for this one tells the waiters.
                match state.compare_exchange_weak(s, next, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) if last => {
                        woken = queue.take();
                        break false;
                    }
                    Ok(_) => break false,
                    Err(now) => s = now,
                }
            }
        };
        woken.wake(0);
        assert!(!negative, "sync: negative WaitGroup counter");
    }

    #[cold]
    fn wait_slow(&self) {
        let Shared { state, waiters, bubble } = &*self.shared;
        let durable = *bubble != 0 && *bubble == gmp_sched::current_bubble();
        let reason = if durable { WaitReason::WaitGroup.durable() } else { WaitReason::WaitGroup };
        let node = WaitNode::new(0);
        let queue = waiters.lock();
        // Acquire: as in `wait`.
        let mut s = state.load(Ordering::Acquire);
        loop {
            if s < ONE {
                return;
            }
            // Relaxed: the queue is published by its lock.
            match state.compare_exchange_weak(s, s | WAITERS, Ordering::Relaxed, Ordering::Acquire)
            {
                Ok(_) => break,
                Err(now) => s = now,
            }
        }
        node.wait(queue, |list| list, End::Back, reason, || ());
    }
}

/// Counts as done when it is dropped, however that comes.
struct Done(WaitGroup);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.done();
    }
}

#[cfg(test)]
impl WaitGroup {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.shared.waiters.lock().len()
    }
}
