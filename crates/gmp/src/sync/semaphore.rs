//! `Semaphore`: permits, handed out first come, first served.
//!
//! While nobody waits, taking and giving back is one compare-and-swap. Once somebody waits, permits that
//! come back go to the first in the queue, never to a newcomer, however few the newcomer asks for: a large
//! request is not starved by small ones. The steps P1 to P3 are those of `semaphore_word.rs`.

use std::mem::ManuallyDrop;

use gmp_sched::{Lock, WaitReason};

use super::atomic::AtomicUsize;
use super::semaphore_word::{self, Given, SemaphoreWord};
use super::wait_list::{End, PoppedList, WaitList, WaitNode};

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
    word: SemaphoreWord<AtomicUsize>,
    waiters: Lock<WaitList>,
}

impl Semaphore {
    /// The largest number of permits.
    pub const MAX_PERMITS: usize = semaphore_word::MAX;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// When there are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    pub const fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "too many permits for a Semaphore");
        let word = SemaphoreWord::new(AtomicUsize::new(semaphore_word::full(permits)));
        Semaphore { word, waiters: Lock::new(WaitList::new()) }
    }

    /// Takes `n` permits; they come back when the guard is dropped. Parks the goroutine, blocks a plain
    /// thread, until they are there and everybody who came before has been served. More than there will
    /// ever be: for ever.
    #[inline]
    pub fn acquire(&self, n: usize) -> SemaphoreGuard<'_> {
        if !self.word.take(n) {
            self.acquire_slow(n);
        }
        SemaphoreGuard { semaphore: self, permits: n }
    }

    /// Takes `n` permits if they are there and nobody waits. Neither parks nor blocks.
    #[inline]
    pub fn try_acquire(&self, n: usize) -> Option<SemaphoreGuard<'_>> {
        self.word.take(n).then(|| SemaphoreGuard { semaphore: self, permits: n })
    }

    /// Adds `n` permits, beyond those that guards give back. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    pub fn release(&self, n: usize) {
        match self.word.give(n) {
            Given::Back => {}
            Given::Queued => self.release_slow(n),
            Given::TooMany => too_many(),
        }
    }

    /// The permits that nobody holds just now. Neither parks nor blocks.
    pub fn available(&self) -> usize {
        self.word.available()
    }

    #[cold]
    fn acquire_slow(&self, n: usize) {
        let node = WaitNode::new(n);
        let queue = self.waiters.lock();
        if !self.word.queue(n) {
            return;
        }
        node.wait(queue, |list| list, End::Back, WaitReason::Semaphore, || ());
    }

    #[cold]
    fn release_slow(&self, n: usize) {
        let mut granted = PoppedList::new();
        let fits = {
            let mut queue = self.waiters.lock();
            // P3
            let Some(over) = self.word.queued() else {
                drop(queue);
                return self.release(n);
            };
            let fits = n <= Semaphore::MAX_PERMITS - over;
            let mut permits = over + if fits { n } else { 0 };
            while let Some(first) =
                queue.first_demand().filter(|&demand| demand <= permits).and_then(|_| queue.pop())
            {
                permits -= first.demand();
                granted.push(first);
            }
            self.word.settle(permits, !queue.is_empty());
            fits
        };
        granted.wake(0);
        if !fits {
            too_many();
        }
    }
}

#[cold]
fn too_many() -> ! {
    panic!("too many permits for a Semaphore")
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
