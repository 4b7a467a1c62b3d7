//! `Semaphore`: permits, handed out first come, first served.
//!
//! ```text
//! state   bits 1..   permits that nobody holds
//!         bit 0      QUEUED: somebody waits; from then on only the holder of the queue's lock changes it
//! ```
//!
//! While nobody waits, taking and giving back is one compare-and-swap. Once somebody waits, permits that
//! come back go to the first in the queue, never to a newcomer, however few the newcomer asks for: a large
//! request is not starved by small ones.

use std::mem::ManuallyDrop;

use gmp_sched::{Lock, WaitReason};

use super::atomic::{AtomicUsize, Ordering};
use super::wait_list::{End, PoppedList, WaitList, WaitNode};

const QUEUED: usize = 1;
const ONE: usize = 2;

/// A counting semaphore.
///
/// ```
/// let tickets = gmp::sync::Semaphore::new(3);
/// let two = tickets.acquire(2);
/// assert!(tickets.try_acquire(2).is_none());
/// drop(two);
/// assert!(tickets.try_acquire(2).is_some());
/// ```
#[derive(Debug)]
pub struct Semaphore {
    state: AtomicUsize,
    waiters: Lock<WaitList>,
}

impl Semaphore {
    /// The largest number of permits.
    pub const MAX_PERMITS: usize = usize::MAX >> 1;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// When there are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    pub const fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "too many permits for a Semaphore");
        Semaphore { state: AtomicUsize::new(permits * ONE), waiters: Lock::new(WaitList::new()) }
    }

    /// Takes `n` permits; they come back when the guard is dropped. Parks the goroutine, blocks a plain
    /// thread, until they are there and everybody who came before has been served. More than there will
    /// ever be: for ever.
    #[inline]
    pub fn acquire(&self, n: usize) -> SemaphoreGuard<'_> {
        if !self.take(n) {
            self.acquire_slow(n);
        }
        SemaphoreGuard { semaphore: self, permits: n }
    }

    /// Takes `n` permits if they are there and nobody waits. Neither parks nor blocks.
    #[inline]
    pub fn try_acquire(&self, n: usize) -> Option<SemaphoreGuard<'_>> {
        self.take(n).then(|| SemaphoreGuard { semaphore: self, permits: n })
    }

    /// Adds `n` permits, beyond those that guards give back. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    pub fn release(&self, n: usize) {
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = self.state.load(Ordering::Relaxed);
        while s & QUEUED == 0 {
            assert!(n <= Semaphore::MAX_PERMITS - s / ONE, "too many permits for a Semaphore");
            // Release: pairs with Acquire in `take`; what the holder did is visible to the next.
            match self.state.compare_exchange_weak(
                s,
                s + n * ONE,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => s = now,
            }
        }
        self.release_slow(n);
    }

    /// The permits that nobody holds just now. Neither parks nor blocks.
    pub fn available(&self) -> usize {
        // Relaxed: a snapshot.
        self.state.load(Ordering::Relaxed) / ONE
    }

    fn take(&self, n: usize) -> bool {
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = self.state.load(Ordering::Relaxed);
        while s & QUEUED == 0 && s / ONE >= n {
            // Acquire: pairs with Release in `release` and `release_slow`.
            match self.state.compare_exchange_weak(
                s,
                s - n * ONE,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => s = now,
            }
        }
        false
    }

    #[cold]
    fn acquire_slow(&self, n: usize) {
        let node = WaitNode::new(n);
        let queue = self.waiters.lock();
        loop {
            // With the lock held QUEUED is not cleared, so once it is set nobody else changes the word.
            if self.take(n) {
                return;
            }
            let s = self.state.load(Ordering::Relaxed);
            let short = s & QUEUED != 0 || s / ONE < n;
            // Relaxed: the queue is published by its lock.
            if short
                && self
                    .state
                    .compare_exchange(s, s | QUEUED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                break;
            }
        }
        node.wait(queue, |list| list, End::Back, WaitReason::Semaphore, || ());
    }

    #[cold]
    fn release_slow(&self, n: usize) {
        let mut granted = PoppedList::new();
        let fits = {
            let mut queue = self.waiters.lock();
            // Acquire: pairs with Release here and in `release`, whose permits this one passes on.
            let s = self.state.load(Ordering::Acquire);
            if s & QUEUED == 0 {
                drop(queue);
                return self.release(n);
            }
            let fits = n <= Semaphore::MAX_PERMITS - s / ONE;
            let mut permits = s / ONE + if fits { n } else { 0 };
            while let Some(first) =
                queue.first_demand().filter(|&demand| demand <= permits).and_then(|_| queue.pop())
            {
                permits -= first.demand();
                granted.push(first);
            }
            let queued = if queue.is_empty() { 0 } else { QUEUED };
            // Release: as in `release`.
            self.state.store((permits * ONE) | queued, Ordering::Release);
            fits
        };
        granted.wake(0);
        assert!(fits, "too many permits for a Semaphore");
    }
}

/// Permits, held until this is dropped, also when that happens in a panic.
#[derive(Debug)]
#[must_use = "the permits go back at once if the guard is not kept"]
pub struct SemaphoreGuard<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl SemaphoreGuard<'_> {
    /// How many permits are held.
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// Keeps the permits out for good; [`Semaphore::release`] may bring them back.
    pub fn forget(self) {
        let _kept = ManuallyDrop::new(self);
    }
}

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.semaphore.release(self.permits);
    }
}

#[cfg(test)]
impl Semaphore {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.waiters.lock().len()
    }
}
