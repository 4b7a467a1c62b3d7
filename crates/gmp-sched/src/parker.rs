//! A one-shot sleep and wake of a thread, on a futex.
//!
//! Every M that idles, and every plain thread that waits on a channel or lock, sleeps here. A wake that
//! comes first is not lost. The word is the whole state:
//!
//! ```text
//!   EMPTY ──park──▶ PARKED ──unpark──▶ NOTIFIED ──park returns──▶ EMPTY
//!     └───────────unpark (came first)──────▲
//! ```

use std::time::Duration;

use crate::sync::plain::{AtomicU32, Ordering};
use crate::sys;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// The sleeping place of one thread.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU32,
}

impl Parker {
    /// A parker nobody has notified.
    pub(crate) const fn new() -> Parker {
        Parker { state: AtomicU32::new(EMPTY) }
    }

    /// Blocks the thread until [`unpark`](Parker::unpark), and consumes it.
    pub(crate) fn park(&self) {
        self.wait(None);
    }

    /// As `park`, for `timeout` at most; false when nobody came.
    pub(crate) fn park_timeout(&self, timeout: Option<Duration>) -> bool {
        self.wait(timeout)
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        // Acquire: pairs with Release in `unpark`; what the waker wrote before is visible after.
        if self
            .state
            .compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
        {
            return true;
        }
        let deadline = timeout.map(|t| {
            crate::clock::now().saturating_add(u64::try_from(t.as_nanos()).unwrap_or(u64::MAX))
        });
        // Relaxed: announces nothing but itself; the RMW order of the word settles who came first.
        if self.state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            // Acquire: as above; the word can only have become NOTIFIED.
            self.state.swap(EMPTY, Ordering::Acquire);
            return true;
        }
        loop {
            let left = match deadline {
                None => None,
                Some(at) => match at.saturating_sub(crate::clock::now()) {
                    0 => break,
                    ns => Some(Duration::from_nanos(ns)),
                },
            };
            sys::futex_wait(&self.state, PARKED, left);
            // Acquire: pairs with Release in `unpark`.
            if self.state.load(Ordering::Acquire) == NOTIFIED {
                break;
            }
        }
        // Acquire: pairs with Release in `unpark`, which may come in the very last moment.
        self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    /// Ends the current or the next park. `this` may dangle as soon as the word is written: the thread
    /// may be gone; the futex call uses the address as a name only.
    ///
    /// # Safety
    ///
    /// `this` must be valid until the word is written, that is: its thread waits for this very call.
    pub(crate) unsafe fn unpark(this: *const Parker) {
        // SAFETY: valid until the word is written (contract).
        let word = unsafe { &raw const (*this).state };
        // SAFETY: as above.
        // Release: pairs with Acquire in `wait`; publishes what the waker wrote for the sleeper.
        if unsafe { (*word).swap(NOTIFIED, Ordering::Release) } == PARKED {
            sys::futex_wake(word);
        }
    }

    /// As [`Parker::unpark`], for a parker that is known to live on.
    pub(crate) fn notify(&self) {
        // SAFETY: a reference is valid throughout.
        unsafe { Parker::unpark(self) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_notification_that_comes_first_is_kept() {
        let p = Parker::new();
        p.notify();
        assert!(p.park_timeout(Some(Duration::from_secs(60))));
    }

    #[test]
    fn one_notification_ends_one_park() {
        let p = Parker::new();
        p.notify();
        p.notify();
        assert!(p.park_timeout(None));
        assert!(!p.park_timeout(Some(Duration::from_millis(1))));
    }

    #[test]
    fn ping_pong_between_threads() {
        let (a, b) = (Parker::new(), Parker::new());
        std::thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..10_000 {
                    a.park();
                    b.notify();
                }
            });
            for _ in 0..10_000 {
                a.notify();
                b.park();
            }
        });
    }
}
