//! The lock around the runtime's shared structures: queues of waiters, timer heaps, idle lists.
//!
//! It is held for tens of nanoseconds, inside a critical section, so its holder is never stopped by
//! preemption and almost never by the kernel. That is the case a spin lock is for: taking it is one
//! compare-and-swap, releasing it one plain store, where a futex lock needs a second read-modify-write
//! to learn whether somebody sleeps. When the kernel does deschedule a holder, waiters stop burning:
//! they spin a little, then yield the CPU, then nap. Which words it is made of is said in `turnstile`; this file says
//! how one waits.

use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use crate::clock;
use crate::critical::{Critical, critical};
use crate::sync::plain::AtomicU32;
use crate::sys;
use crate::turnstile::Turnstile;

/// Pauses of the first round, alone; each round has twice as many as the one before. This is 0.3 to 0.4 µs where it was
/// measured (a pause took 20 to 25 ns), some fifteen sections. Two threads that want the same lock all the time
/// should not take it by turns: each turn moves the lock and what it guards from cache to cache, at several
/// times the cost of a section. So who finds it taken stays away for a while, and the other one gets through a
/// batch. Twice as many made a `select!` over four busy channels 15 % slower. With n threads away all pauses are n
/// times longer, so that the batches of whoever holds it are as long as with one.
const FIRST_PAUSES: u32 = 16;

/// The same where many take the lock in turns: about 1.5 µs.
const LONG_PAUSES: u32 = 64;

/// Pauses before the CPU is yielded, in multiples of the first: four rounds alone, 6 µs or 24 µs.
const SPIN_FIRSTS: u32 = 15;

/// More threads than this are taken for so many, or a pause of those who take turns would be longer than 0.1 ms, twice a nap.
const MOST_AWAY: u32 = 64;

/// Looks at the lock at the end of a round, so that the gap between two sections of a busy holder is not missed.
const LOOKS: u32 = 16;

/// Yields before napping: by then the holder has been descheduled for a whole kernel slice.
const YIELD_ROUNDS: u32 = 64;

/// A yield that took no longer, in nanoseconds, gave the CPU to nobody.
const YIELDED_IN_VAIN: u64 = 2_000;

/// A lock for state that is only touched in critical sections.
pub struct Lock<T: ?Sized> {
    turnstile: Turnstile<AtomicU32>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is handed out to one thread at a time, so the lock is shareable when the value may move.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}
// SAFETY: owning the lock is owning the value.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}

/// The lock is held, and a critical section is open, until this is dropped.
pub struct LockGuard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    /// Closed after the lock is released.
    critical: ManuallyDrop<Critical>,
}

impl<T> Lock<T> {
    /// An unlocked lock.
    pub const fn new(value: T) -> Lock<T> {
        Lock { turnstile: Turnstile::new(), value: UnsafeCell::new(value) }
    }

    /// Where the value is, for debuggers.
    pub(crate) const fn as_ptr(&self) -> *const T {
        self.value.get()
    }

    /// The value, out of a lock that nobody shares any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Takes the lock, and opens a critical section: until the guard is dropped nothing may allocate,
    /// free, panic, block, or run code of the user. Spins while another thread holds it; never parks.
    #[inline]
    pub fn lock(&self) -> LockGuard<'_, T> {
        self.lock_with(critical(), false)
    }

    /// As [`lock`](Lock::lock), in a section that is open already, and is the guard's from now on. `in_turns` is for what many
    /// want all the time and nobody is in a hurry for, such as a buffer: who finds it taken stays away longer, and fewer turns
    /// move more in all.
    #[inline]
    pub fn lock_with(&self, section: Critical, in_turns: bool) -> LockGuard<'_, T> {
        if !self.turnstile.try_take() {
            self.lock_slow(in_turns);
        }
        LockGuard { lock: self, critical: ManuallyDrop::new(section) }
    }

    /// Takes the lock if it is free. Neither parks nor blocks.
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        let critical = critical();
        self.turnstile
            .try_take()
            .then(|| LockGuard { lock: self, critical: ManuallyDrop::new(critical) })
    }

    /// Takes the lock inside a critical section that is open already: for who takes many at once, and gives
    /// them back by [`unlock_in_section`](Lock::unlock_in_section). Spins; never parks.
    #[inline]
    pub fn lock_in_section(&self, _section: &Critical) {
        if !self.turnstile.try_take() {
            self.lock_slow(false);
        }
    }

    /// Gives back what [`lock_in_section`](Lock::lock_in_section) took.
    ///
    /// # Safety
    ///
    /// The lock was taken so, in a section that is still open, and nothing of the value is used any more.
    #[inline]
    pub unsafe fn unlock_in_section(&self) {
        self.turnstile.give_back();
    }

    /// Where the value is. Only who holds the lock may use it.
    #[inline]
    pub fn value_ptr(&self) -> *mut T {
        self.value.get()
    }

    /// The value, of a lock that nobody else can see.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn lock_slow(&self, in_turns: bool) {
        let pauses = if in_turns { LONG_PAUSES } else { FIRST_PAUSES };
        let mut patience = Patience { pauses, round: 0, left: SPIN_FIRSTS * pauses, yields: 0 };
        self.turnstile.take(|away| {
            if patience.wait(away.min(MOST_AWAY)) {
                (0..LOOKS)
                    .take_while(|_| self.turnstile.is_taken())
                    .for_each(|_| hint::spin_loop());
            }
        });
    }
}

/// How somebody who wants a lock stays away from it.
struct Patience {
    pauses: u32,
    round: u32,
    /// Pauses to come before the CPU is yielded.
    left: u32,
    yields: u32,
}

impl Patience {
    /// Waits for the next look at the lock; `away` threads do. Whether several looks should follow.
    fn wait(&mut self, away: u32) -> bool {
        if self.left > 0 {
            let pauses = (self.pauses << self.round) * away;
            self.round += 1;
            self.left = self.left.saturating_sub(pauses);
            (0..pauses).for_each(|_| hint::spin_loop());
            return true;
        }
        self.yields = self.yields.saturating_add(1);
        if self.yields > YIELD_ROUNDS {
            sys::nap();
            return false;
        }
        if away == 1 {
            sys::cpu_yield();
            return false;
        }
        // A holder that was descheduled needs this CPU; one that is busy needs to be left alone.
        let begin = clock::now();
        sys::cpu_yield();
        let in_vain = clock::now() - begin < YIELDED_IN_VAIN;
        if in_vain {
            (0..self.pauses * away).for_each(|_| hint::spin_loop());
        }
        in_vain
    }
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// Gives the lock back; the section stays open.
    #[inline]
    pub fn unlock(self) -> Critical {
        let (lock, section) = self.into_parts();
        lock.turnstile.give_back();
        section
    }

    /// The lock, which stays taken, and its section, which stays open.
    #[inline]
    pub(crate) fn into_parts(self) -> (&'a Lock<T>, Critical) {
        let mut guard = ManuallyDrop::new(self);
        // SAFETY: the guard is neither used any more nor dropped.
        (guard.lock, unsafe { ManuallyDrop::take(&mut guard.critical) })
    }
}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, so nobody else has the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; and `&mut self` excludes other borrows through this guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.turnstile.give_back();
        // SAFETY: dropped here, once; the field is not touched again.
        unsafe { ManuallyDrop::drop(&mut self.critical) };
    }
}

impl<T: ?Sized> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is not shown: formatting runs code of the user, which may not run under the lock.
        f.debug_struct("Lock").field("locked", &self.turnstile.is_taken()).finish_non_exhaustive()
    }
}

impl<T: ?Sized> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn counts_are_not_lost() {
        let lock = Lock::new(0u64);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..50_000).for_each(|_| *lock.lock() += 1));
            }
        });
        assert_eq!(lock.into_inner(), 200_000);
    }

    #[test]
    fn a_held_lock_is_not_taken() {
        let lock = Lock::new(());
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert!(lock.try_lock().is_some());
    }
}
