//! A one-shot sleep and wake of a thread, on a futex.
//!
//! Every M that idles, and every plain thread that waits on a channel or lock, sleeps here. A wake that
//! comes first is not lost. The protocol is that of its word, `wakeword.rs`; here it meets the kernel.

use std::time::Duration;

use crate::sync::plain::AtomicU32;
use crate::sys;
use crate::wakeword::{EMPTY, PARKED, WakeWord};

/// The sleeping place of one thread.
#[derive(Debug)]
pub(crate) struct Parker {
    word: WakeWord<AtomicU32>,
}

impl Parker {
    /// A parker nobody has notified.
    pub(crate) const fn new() -> Parker {
        Parker { word: WakeWord::over(AtomicU32::new(EMPTY)) }
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
        if self.word.consume() {
            return true;
        }
        let deadline = timeout.map(|t| {
            crate::clock::now().saturating_add(u64::try_from(t.as_nanos()).unwrap_or(u64::MAX))
        });
        if !self.word.announce() {
            return true;
        }
        while !self.word.is_notified() {
            let left = match deadline {
                None => None,
                Some(at) => match at.saturating_sub(crate::clock::now()) {
                    0 => break,
                    ns => Some(Duration::from_nanos(ns)),
                },
            };
            sys::futex_wait(self.word.raw(), PARKED, left);
        }
        self.word.finish()
    }

    /// Ends the current or the next park. `this` may dangle as soon as the word is written: the thread
    /// may be gone; the futex call uses the address as a name only.
    ///
    /// # Safety
    ///
    /// `this` must be valid until the word is written, that is: its thread waits for this very call.
    pub(crate) unsafe fn unpark(this: *const Parker) {
        // SAFETY: valid until the word is written (contract); only its address is used after.
        let word = unsafe { &raw const (*this).word };
        // SAFETY: as above.
        if unsafe { WakeWord::notify(word) } {
            sys::futex_wake(word.cast::<AtomicU32>());
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
