//! Receiving from asynchronous code again and again: a receiver that is polled.
//!
//! A task that waits needs a node that stays in place, and a receiver may be moved between two polls. So the
//! first poll puts the receiver and its node into one piece of heap memory, and from then on the receiver is
//! a pointer to that. `Stream` (feature `futures`) is this under the name that combinators know.

use std::fmt;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::future::Reception;
use super::receiver::Receiver;

/// A receiver that a task polls, in one place with its node. Owned; its memory does not move.
pub(super) struct Polled<T>(NonNull<Inner<T>>);

struct Inner<T> {
    receiver: Receiver<T>,
    reception: Reception<T>,
}

// SAFETY: an owner, as a `Box` would be.
unsafe impl<T: Send> Send for Polled<T> {}
// SAFETY: as above; a shared reference gives the receiver only, which is `Sync`.
unsafe impl<T: Send> Sync for Polled<T> {}

impl<T> Polled<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Polled<T> {
        let inner = Box::new(Inner { receiver, reception: Reception::new() });
        // Not a `Box`: moving one would claim that nobody else points to what is in it.
        Polled(NonNull::from(Box::leak(inner)))
    }

    pub(super) fn receiver(&self) -> &Receiver<T> {
        // SAFETY: alive until the drop of `self`.
        let receiver = unsafe { &raw const (*self.0.as_ptr()).receiver };
        // SAFETY: as above; nobody writes it.
        unsafe { &*receiver }
    }

    fn reception(&mut self) -> &mut Reception<T> {
        // SAFETY: alive until the drop of `self`.
        let reception = unsafe { &raw mut (*self.0.as_ptr()).reception };
        // SAFETY: as above; `self` is borrowed exclusively.
        unsafe { &mut *reception }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let receiver: *const Receiver<T> = self.receiver();
        // SAFETY: apart from the reception, and alive as long as `self` is borrowed.
        let receiver = unsafe { &*receiver };
        // SAFETY: the heap memory stays in place, `drop` ends the wait, and the receiver is the one beside it.
        unsafe { self.reception().poll(receiver, cx) }.map(Result::ok)
    }
}

impl<T> Drop for Polled<T> {
    fn drop(&mut self) {
        /// Also when the destructor of a value panics.
        struct Free<T>(NonNull<Inner<T>>);
        impl<T> Drop for Free<T> {
            fn drop(&mut self) {
                // SAFETY: from `Box::leak`, and its owner is being dropped.
                drop(unsafe { Box::from_raw(self.0.as_ptr()) });
            }
        }
        let _free = Free(self.0);
        let receiver: *const Receiver<T> = self.receiver();
        // SAFETY: as in `poll`.
        let receiver = unsafe { &*receiver };
        self.reception().end(receiver);
    }
}

impl<T> Receiver<T> {
    /// Receives from a hand-written future or stream: `Ready(None)` when the channel is closed and everything
    /// was received. While it is `Pending` the task of the last call waits in the queue like everybody else;
    /// a value that was chosen for it and not fetched goes to the next receiver when this one is dropped.
    ///
    /// The first call that has to wait allocates. See [`recv_async`](Receiver::recv_async) for the rest.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.polled().poll(cx)
    }
}

#[cfg(feature = "futures")]
impl<T> futures_core::Stream for Receiver<T> {
    type Item = T;

    /// See [`Receiver::poll_recv`].
    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<T> fmt::Debug for Polled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").finish_non_exhaustive()
    }
}
