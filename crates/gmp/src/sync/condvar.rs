//! `Condvar`: waits for a change of what a mutex protects.
//!
//! A waiter queues itself and releases the mutex in one step, as seen by notifiers: the queue is locked
//! until the mutex is released. So a notification that is sent by someone who saw the mutex free cannot be
//! missed, and a waiter that is notified finds its mutex no longer held by itself.

use std::time::{Duration, Instant};

use gmp_sched::{Lock, WaitReason};

use super::atomic::{AtomicBool, Ordering};
use super::mutex::MutexGuard;
use super::wait_list::{End, Ended, WaitList, WaitNode};

/// A condition variable: waiters are notified in the order in which they came, and never wake up unnotified.
///
/// ```
/// use gmp::sync::{Condvar, Mutex};
/// static READY: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
///
/// let t = std::thread::spawn(|| {
///     *READY.0.lock() = true;
///     READY.1.notify_one();
/// });
/// let mut ready = READY.0.lock();
/// while !*ready {
///     READY.1.wait(&mut ready);
/// }
/// # drop(ready);
/// # t.join().unwrap();
/// ```
#[derive(Debug)]
pub struct Condvar {
    /// Whether the queue may be non-empty. Set under the queue's lock by waiters, cleared by notifiers.
    occupied: AtomicBool,
    waiters: Lock<WaitList>,
}

impl Condvar {
    /// A condition variable that nobody waits on.
    pub const fn new() -> Condvar {
        Condvar { occupied: AtomicBool::new(false), waiters: Lock::new(WaitList::new()) }
    }

    /// Releases the mutex, waits for a notification, and takes the mutex again.
    ///
    /// Parks the goroutine, blocks a plain thread. Returns after a notification only, but the condition may
    /// have changed again meanwhile: look at it in a loop.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let mutex = guard.raw();
        let node = WaitNode::new(0);
        let queue = self.waiters.lock();
        self.occupy();
        // SAFETY: the guard proves that the caller holds the mutex; it is taken again before the guard is used.
        let release = || unsafe { mutex.unlock() };
        node.wait(queue, |list| list, End::Back, WaitReason::Condvar, release);
        mutex.lock();
    }

    /// As [`wait`](Condvar::wait), until `condition` is false.
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(guard) {
            self.wait(guard);
        }
    }

    /// As [`wait`](Condvar::wait), for at most `timeout`. True when notified, false when the time was over
    /// first; the mutex is held again in both cases, however long that takes.
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> bool {
        self.wait_until(guard, crate::time::after_now(timeout))
    }

    /// As [`wait_for`](Condvar::wait_for), until `deadline`.
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> bool {
        let mutex = guard.raw();
        let node = WaitNode::timed(0);
        let queue = self.waiters.lock();
        self.occupy();
        // SAFETY: as in `wait`.
        let release = || unsafe { mutex.unlock() };
        let ended = node.wait_until(
            &self.waiters,
            queue,
            |list| list,
            WaitReason::Condvar,
            deadline,
            release,
        );
        mutex.lock();
        ended != Ended::TimedOut
    }

    /// Wakes the one that has waited longest, if anybody waits; returns whether it did. The caller need not
    /// hold the mutex. Neither parks nor blocks.
    pub fn notify_one(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        let first = {
            let mut queue = self.waiters.lock();
            let first = queue.pop();
            if queue.is_empty() {
                // Relaxed: written under the queue's lock only.
                self.occupied.store(false, Ordering::Relaxed);
            }
            first
        };
        let notified = first.is_some();
        if let Some(waiter) = first {
            waiter.wake(0);
        }
        notified
    }

    /// Wakes all that wait, oldest first. The caller need not hold the mutex. Neither parks nor blocks.
    pub fn notify_all(&self) {
        if self.is_empty() {
            return;
        }
        let all = {
            let mut queue = self.waiters.lock();
            // Relaxed: as in `notify_one`.
            self.occupied.store(false, Ordering::Relaxed);
            queue.take()
        };
        all.wake(0);
    }

    /// Marks the queue as in use; its lock is held.
    fn occupy(&self) {
        // Relaxed: see `is_empty`.
        self.occupied.store(true, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        // Relaxed: a waiter sets the flag before it releases the mutex. Whoever changes the condition under
        // the mutex afterwards, and then notifies, sees it through the mutex.
        !self.occupied.load(Ordering::Relaxed)
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

#[cfg(test)]
impl Condvar {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.waiters.lock().len()
    }
}
