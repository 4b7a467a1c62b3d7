//! A lock of one word, for state that is touched briefly and never while allocating.
//!
//! `std::sync::Mutex` asks the panic count (a thread-local) on every lock, for its poisoning, and is not there without the
//! standard library. This one is usable where a runtime forbids the first. `pool.rs`, `trim.rs` and `guard.rs` use it. A
//! holder neither allocates nor blocks nor panics.
//!
//! ```text
//!  0 FREE       1 HELD        2 HELD, somebody may sleep (the holder must wake one)
//! ```

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

use crate::sync::plain::{AtomicU32, Ordering};
use crate::sys;

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// Rounds of `spin_loop` before sleeping: about 100 ns, the length of a take or give. Longer would burn a core that the
/// holder may need, shorter would sleep for locks that are about to be free.
const SPINS: u32 = 60;

/// A value behind a futex lock.
pub(crate) struct Lock<T> {
    state: AtomicU32,
    /// # Safety
    /// Touched only by who moved `state` from `FREE`.
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one thread at a time, so it needs to be `Send` and nothing more.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to touch the value, until dropped.
pub(crate) struct Guard<'a, T>(&'a Lock<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock { state: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Takes the lock; blocks the thread while another holds it.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // Acquire: pairs with Release in `Guard::drop`; makes the last holder's changes visible.
        // Relaxed on failure: nothing is read then.
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_slow();
        }
        Guard(self)
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPINS {
            // Relaxed: only a hint whether the exchange is worth a try.
            if self.state.load(Ordering::Relaxed) == FREE
                // Acquire: pairs with Release in `Guard::drop`. Relaxed on failure: nothing is read then.
                && self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            core::hint::spin_loop();
        }
        // From here on the state is left at CONTENDED, also when we win: we cannot know whether others sleep.
        // Acquire: pairs with Release in `Guard::drop`; makes the last holder's changes visible.
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            sys::futex_wait(&self.state, CONTENDED);
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with Acquire in `lock` and `lock_slow`; publishes what the holder changed.
        if self.0.state.swap(FREE, Ordering::Release) == CONTENDED {
            sys::futex_wake(&self.0.state);
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock until it is dropped.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock until it is dropped, and is borrowed mutably.
        unsafe { &mut *self.0.value.get() }
    }
}
