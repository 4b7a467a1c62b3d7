//! `Once`: an initialisation that happens once; who comes while it is in progress waits for it.
//!
//! Three states; the word changes under the queue's lock, so that nobody can queue behind the end of a run.
//! A run that panics counts as not done, and the next caller tries again.

use gmp_sched::{Lock, WaitReason};

use super::atomic::{AtomicU8, Ordering};
use super::wait_list::{End, WaitList, WaitNode};

/// Nobody has begun, or everybody who began has panicked.
const INCOMPLETE: u8 = 0;
/// Somebody is at it.
const RUNNING: u8 = 1;
/// It is done, for good.
const DONE: u8 = 2;

/// Runs a function once.
///
/// ```
/// static START: gmp::sync::Once = gmp::sync::Once::new();
/// START.call_once(|| { /* set something up */ });
/// assert!(START.is_completed());
/// ```
#[derive(Debug)]
pub struct Once {
    state: AtomicU8,
    waiters: Lock<WaitList>,
}

impl Once {
    /// Nothing has run yet.
    pub const fn new() -> Once {
        Once { state: AtomicU8::new(INCOMPLETE), waiters: Lock::new(WaitList::new()) }
    }

    /// Runs `f`, unless a call has been completed; when it returns, some call has been. A call that panics
    /// (or ends its goroutine) is not completed: the panic goes on, and the next caller runs its own `f`.
    ///
    /// Parks the goroutine, blocks a plain thread, while another call is in progress. An `f` that calls
    /// `call_once` of the same `Once` waits for itself.
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call_slow(&mut || {
                if let Some(f) = f.take() {
                    f();
                }
            });
        }
    }

    /// Whether a call has been completed. Neither parks nor blocks.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // Acquire: pairs with Release in `Run::drop`; what the completed call wrote is visible.
        self.state.load(Ordering::Acquire) == DONE
    }

    #[cold]
    fn call_slow(&self, f: &mut dyn FnMut()) {
        loop {
            let node = WaitNode::new(0);
            let queue = self.waiters.lock();
            // Acquire: as in `is_completed`.
            match self.state.load(Ordering::Acquire) {
                DONE => return,
                RUNNING => {
                    node.wait(queue, |list| list, End::Back, WaitReason::Once, || ());
                }
                _ => {
                    // Relaxed: read under the queue's lock.
                    self.state.store(RUNNING, Ordering::Relaxed);
                    drop(queue);
                    let mut run = Run { once: self, outcome: INCOMPLETE };
                    f();
                    run.outcome = DONE;
                    return;
                }
            }
        }
    }
}

impl Default for Once {
    fn default() -> Once {
        Once::new()
    }
}

/// A call in progress. Its end, whichever it is, wakes all that wait for it.
struct Run<'a> {
    once: &'a Once,
    outcome: u8,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let waiters = {
            let mut queue = self.once.waiters.lock();
            // Release: pairs with Acquire in `is_completed`; publishes what the call wrote.
            self.once.state.store(self.outcome, Ordering::Release);
            queue.take()
        };
        waiters.wake(0);
    }
}

#[cfg(test)]
impl Once {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.waiters.lock().len()
    }
}
