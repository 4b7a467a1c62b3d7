//! Whether somebody wants the poller back: the flag in front of the kernel's wake-up.
//!
//! A wake-up must end the poll that goes on, or the next one that would block. Ten callers need one system
//! call, so the flag remembers; the kernel event only interrupts a wait. Wakers: W1 raise the flag; W2, if
//! it was down, send the event. Poller: P1 take the flag down, and if it was up do not block; P2 wait; P3
//! lower the flag, whatever ended the wait.
//!
//! Feared: a poll that must not block (timeout zero) swallows the event of W2. It leaves the flag alone,
//! so the next blocking poll finds it at P1. Feared: a second waker sees the flag up (no W2) just before
//! P3. The poller is then on its way out, which is all that was asked; P3 is a read-modify-write, so it
//! acquires what that waker wrote before W1. The price is an event left over now and then, that is, one
//! wait that ends for nothing.

use crate::sync::{AtomicBool, Ordering, mutant};

/// The flag.
#[derive(Debug)]
pub(crate) struct WakeFlag(AtomicBool);

impl WakeFlag {
    /// A flag that is down.
    pub(crate) fn new() -> WakeFlag {
        WakeFlag(AtomicBool::new(false))
    }

    /// W1. True: the caller sends the kernel event.
    #[must_use]
    #[inline]
    pub(crate) fn raise(&self) -> bool {
        // AcqRel: Release pairs with Acquire in `lower`; publishes why the poller is wanted. Acquire: the
        // same exchange must also continue the release sequence of a waker before.
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// P1 and P3. Whether the flag was up.
    #[inline]
    pub(crate) fn lower(&self) -> bool {
        if mutant("desc_wake_forgets") {
            self.0.store(false, Ordering::Relaxed);
            return false;
        }
        // Acquire: pairs with Release in `raise`.
        self.0.swap(false, Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::WakeFlag;
    use crate::sync::{Arc, AtomicU32, Condvar, Mutex, Ordering, model, thread};

    /// The kernel's part: an event that one wait consumes.
    struct Event(Mutex<bool>, Condvar);

    impl Event {
        fn send(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }

        fn wait(&self) {
            let mut sent = self.0.lock().unwrap();
            while !*sent {
                sent = self.1.wait(sent).unwrap();
            }
            *sent = false;
        }
    }

    /// A waker with two messages, a poller that also polls without blocking: both messages are seen.
    #[test]
    fn no_wake_is_lost() {
        model(|| {
            let flag = Arc::new(WakeFlag::new());
            let event = Arc::new(Event(Mutex::new(false), Condvar::new()));
            let mail = Arc::new(AtomicU32::new(0));
            let waker = {
                let (flag, event, mail) = (flag.clone(), event.clone(), mail.clone());
                thread::spawn(move || {
                    for message in 1..=2 {
                        // Relaxed: `raise` publishes it; that is what is checked.
                        mail.store(message, Ordering::Relaxed);
                        if flag.raise() {
                            event.send();
                        }
                    }
                })
            };
            // A poll that does not block swallows the event.
            *event.0.lock().unwrap() = false;
            // Relaxed: ordered by `lower`.
            while mail.load(Ordering::Relaxed) < 2 {
                if !flag.lower() {
                    event.wait();
                    flag.lower();
                }
            }
            waker.join().unwrap();
        });
    }
}
