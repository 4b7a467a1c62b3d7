//! The sending handle.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::core::{Core, UNBOUNDED};
use super::counter::{acquire, release};
use super::err::{SendError, SendTimeoutError, TrySendError};
use super::flow::Chan;
use super::timer;
use super::transfer::Settled;

/// The sending side of a channel. Clones send into the same channel; when the last one is dropped the
/// channel is closed.
///
/// ```
/// let (tx, rx) = gmp::chan::bounded(2);
/// let another = tx.clone();
/// tx.send(1).unwrap();
/// another.send(2).unwrap();
/// drop((tx, another)); // the last one closes the channel
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2]);
/// ```
pub struct Sender<T> {
    chan: NonNull<Chan<T>>,
}

// SAFETY: a handle only moves values of `T` from thread to thread.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above; all methods synchronise.
unsafe impl<T: Send> Sync for Sender<T> {}
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// # Safety
    ///
    /// `chan` comes from `Box::leak`, and one of its senders is this one.
    pub(super) unsafe fn of(chan: NonNull<Chan<T>>) -> Sender<T> {
        Sender { chan }
    }

    #[inline]
    pub(super) fn chan(&self) -> &Chan<T> {
        // SAFETY: the channel lives as long as it has handles.
        unsafe { self.chan.as_ref() }
    }

    #[inline]
    pub(super) fn core(&self) -> &Core {
        &self.chan().core
    }

    /// Sends `value`; waits while there is no room, at capacity 0 until somebody receives. Parks the
    /// goroutine, or blocks the thread.
    ///
    /// # Errors
    ///
    /// Gives the value back when the channel is closed, also when that happens while this waits.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let value = ManuallyDrop::new(value);
        let mut settled = Settled::NotReady;
        if self.core().may_send() {
            settled = self.chan().try_send_from(&value);
        }
        if !settled.is_final() {
            settled = self.chan().send_slow(&value);
        }
        if settled == Settled::Done {
            Ok(())
        } else {
            Err(SendError(ManuallyDrop::into_inner(value)))
        }
    }

    /// Sends `value` if that needs no wait: there is room, or somebody waits to receive. Neither parks nor
    /// blocks, except for a moment when the receiver is a [`Select`](super::Select) that has chosen and not
    /// yet completed.
    ///
    /// # Errors
    ///
    /// Gives the value back: `Full` when it would have to wait, `Closed` when the channel is closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let value = ManuallyDrop::new(value);
        let mut settled = Settled::NotReady;
        if self.core().may_send_now() {
            settled = self.chan().try_send_from(&value);
            while settled == Settled::Again {
                settled = self.chan().try_send_from(&value);
            }
        }
        match settled {
            Settled::Done => Ok(()),
            Settled::Closed => Err(TrySendError::Closed(ManuallyDrop::into_inner(value))),
            _ => Err(TrySendError::Full(ManuallyDrop::into_inner(value))),
        }
    }

    /// As [`send`](Sender::send), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Gives the value back: `Timeout` when the time is over, `Closed` when the channel is closed.
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendTimeoutError::Closed(value)),
            Err(TrySendError::Full(value)) => self.send_until(value, timer::after(timeout)),
        }
    }

    /// As [`send`](Sender::send), until `deadline`.
    ///
    /// # Errors
    ///
    /// As for [`send_timeout`](Sender::send_timeout).
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, Some(deadline))
    }

    fn send_until(&self, value: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        let value = ManuallyDrop::new(value);
        let settled = match deadline {
            None => self.chan().send_slow(&value),
            Some(deadline) => self.chan().send_until(&value, deadline),
        };
        match settled {
            Settled::Done => Ok(()),
            Settled::Closed => Err(SendTimeoutError::Closed(ManuallyDrop::into_inner(value))),
            _ => Err(SendTimeoutError::Timeout(ManuallyDrop::into_inner(value))),
        }
    }

    /// Closes the channel: senders fail from now on, those that wait too; receivers get what was sent, then
    /// fail. True if this call closed it. Neither parks nor blocks.
    pub fn close(&self) -> bool {
        self.core().close()
    }

    /// Whether the channel is closed. May be outdated when it returns, if false.
    pub fn is_closed(&self) -> bool {
        self.core().is_closed()
    }

    /// How many values wait to be received; always 0 at capacity 0.
    pub fn len(&self) -> usize {
        self.core().len()
    }

    /// Whether no value waits to be received; always true at capacity 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many values wait as the capacity allows; always true at capacity 0.
    pub fn is_full(&self) -> bool {
        self.len() >= self.core().cap
    }

    /// How many values can wait to be received; `None` when unbounded.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.core().cap).filter(|&cap| cap != UNBOUNDED)
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.chan == other.chan
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        acquire(&self.chan().senders);
        Sender { chan: self.chan }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let chan = self.chan();
        if release(&chan.senders) {
            chan.core.close();
            // SAFETY: the last sender, so this side is gone, and says so once.
            unsafe { Chan::side_gone(self.chan) };
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
