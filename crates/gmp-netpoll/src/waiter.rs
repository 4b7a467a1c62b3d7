//! The seam: what can be parked on a descriptor, and the plain thread as one such thing.
//!
//! To the poller a waiter is one word, the address of whatever its owner likes, at least 16 and a multiple
//! of 8. A runtime passes the address of a node of its own to [`Source::arm`](crate::Source::arm) and gets
//! it back, once, from [`Netpoll::poll`](crate::Netpoll::poll), `kick` or `close`; until then, or until
//! `disarm` has taken it out, the node must stay where it is. What comes back is to be woken *by whoever
//! it came back to*, in that context: a poller's callback must do no more than make it runnable.
//!
//! Threads that wait through [`Registration`](crate::Registration) are waiters of this crate, told apart
//! by bit 2, and woken by the poller itself.

use std::ptr::NonNull;
use std::thread::{self, Thread};
use std::time::Instant;

use crate::sync::plain::{AtomicU32, Ordering};

/// Set in the words of this crate's own waiters.
const THREAD: usize = 4;

/// Bits of the state: the wait is over; the thread is asked to poll.
const WOKEN: u32 = 1;
const PROMOTED: u32 = 2;

/// A thread that waits for one direction of one descriptor, on that thread's stack.
#[derive(Debug)]
#[repr(align(16))]
pub(crate) struct ThreadWaiter {
    thread: Thread,
    state: AtomicU32,
}

impl ThreadWaiter {
    /// The calling thread.
    pub(crate) fn current() -> ThreadWaiter {
        ThreadWaiter { thread: thread::current(), state: AtomicU32::new(0) }
    }

    /// The word for `arm`.
    pub(crate) fn as_raw(&self) -> NonNull<()> {
        NonNull::from(self).cast::<()>().map_addr(|a| a | THREAD)
    }

    /// The waiter behind a word, if it is a thread of ours.
    pub(crate) fn from_raw(raw: NonNull<()>) -> Option<NonNull<ThreadWaiter>> {
        let is_thread = raw.addr().get() & THREAD != 0;
        let plain = raw.as_ptr().map_addr(|a| a & !THREAD).cast();
        if is_thread { NonNull::new(plain) } else { None }
    }

    /// Ends the wait of `this`.
    ///
    /// # Safety
    ///
    /// `this` came out of a descriptor's word, to this caller: the thread waits for this very call.
    pub(crate) unsafe fn wake(this: NonNull<ThreadWaiter>) {
        // SAFETY: the thread keeps the waiter in place until `WOKEN` is set (contract), below.
        let waiter = unsafe { this.as_ref() };
        let thread = waiter.thread.clone();
        // Release: pairs with Acquire in `is_woken`. The last touch: the waiter may be gone after it.
        waiter.state.fetch_or(WOKEN, Ordering::Release);
        thread.unpark();
    }

    /// Whether the wait is over.
    pub(crate) fn is_woken(&self) -> bool {
        // Acquire: pairs with Release in `wake`.
        self.state.load(Ordering::Acquire) & WOKEN != 0
    }

    /// Asks the thread to take the poller's chair. Under the candidates' lock, see `turn.rs`.
    pub(crate) fn promote(&self) -> Thread {
        // Relaxed: read back under the same lock; unparking orders it for the thread's next look.
        self.state.fetch_or(PROMOTED, Ordering::Relaxed);
        self.thread.clone()
    }

    /// Whether the thread was asked, since the last call. Under the candidates' lock.
    pub(crate) fn take_promotion(&self) -> bool {
        // Relaxed: as in `promote`.
        self.state.fetch_and(!PROMOTED, Ordering::Relaxed) & PROMOTED != 0
    }

    /// Blocks the thread until it is woken or promoted, or the deadline.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        // Acquire: pairs with Release in `wake`.
        while self.state.load(Ordering::Acquire) == 0 {
            match deadline {
                None => thread::park(),
                Some(at) => match at.saturating_duration_since(Instant::now()) {
                    left if left.is_zero() => return,
                    left => thread::park_timeout(left),
                },
            }
        }
    }
}
