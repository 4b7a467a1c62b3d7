//! The receiving handle.

use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp_sched::WaitReason;

use super::core::{Core, Outlook, UNBOUNDED};
use super::counter::{acquire, release};
use super::end::End;
use super::err::{RecvError, RecvTimeoutError, TryRecvError};
use super::flow::Chan;
use super::stream::Polled;
use super::sync::{Waiter, park};
use super::timer::{self, TimerCore};
use super::transfer::Settled;

/// The receiving side of a channel, of a timer, or of nothing ([`never`](super::never)). Clones receive from
/// the same channel, each value once; when the last one is dropped the channel is closed and what is in it is
/// dropped.
///
/// ```
/// use gmp::chan::{RecvTimeoutError, bounded};
/// use std::time::Duration;
///
/// let (tx, rx) = bounded(4);
/// tx.send("first").unwrap();
/// assert_eq!(rx.recv(), Ok("first"));
/// assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
/// tx.send("last").unwrap();
/// tx.close();
/// assert_eq!(rx.recv(), Ok("last")); // what was sent is still received
/// assert!(rx.recv().is_err());
/// ```
pub struct Receiver<T> {
    flavor: Flavor<T>,
}

enum Flavor<T> {
    Chan(NonNull<Chan<T>>),
    /// Only when `T` is `Instant`.
    Timer(Arc<TimerCore>),
    /// Nothing comes, but the end.
    End(Arc<End>),
    Never,
    /// Any of the others, polled by a task.
    Polled(Polled<T>),
}

/// What a receiver receives from, for `future`.
pub(super) enum Source<'a, T> {
    Chan(&'a Chan<T>),
    Timer(&'a Arc<TimerCore>),
    End(&'a Arc<End>),
    Never,
}

// SAFETY: a handle only moves values of `T` from thread to thread.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above; all methods synchronise.
unsafe impl<T: Send> Sync for Receiver<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl Receiver<Instant> {
    pub(super) fn timer(core: Arc<TimerCore>) -> Receiver<Instant> {
        Receiver { flavor: Flavor::Timer(core) }
    }
}

impl<T> Receiver<T> {
    /// A receiver to which nothing comes until `end` does.
    pub(crate) fn until(end: Arc<End>) -> Receiver<T> {
        Receiver { flavor: Flavor::End(end) }
    }

    /// # Safety
    ///
    /// `chan` comes from `Box::leak`, and one of its receivers is this one.
    pub(super) unsafe fn of(chan: NonNull<Chan<T>>) -> Receiver<T> {
        Receiver { flavor: Flavor::Chan(chan) }
    }

    pub(super) fn none() -> Receiver<T> {
        Receiver { flavor: Flavor::Never }
    }

    /// For `stream`.
    pub(super) fn polled(&mut self) -> &mut Polled<T> {
        if !matches!(self.flavor, Flavor::Polled(_)) {
            let plain = Receiver { flavor: std::mem::replace(&mut self.flavor, Flavor::Never) };
            self.flavor = Flavor::Polled(Polled::new(plain));
        }
        match &mut self.flavor {
            Flavor::Polled(polled) => polled,
            _ => unreachable!("made so above"),
        }
    }

    #[inline]
    fn chan(&self) -> Option<&Chan<T>> {
        match &self.flavor {
            // SAFETY: the channel lives as long as it has handles.
            Flavor::Chan(chan) => Some(unsafe { chan.as_ref() }),
            Flavor::Polled(polled) => polled.receiver().chan(),
            _ => None,
        }
    }

    pub(super) fn source(&self) -> Source<'_, T> {
        match &self.flavor {
            // SAFETY: as in `chan`.
            Flavor::Chan(chan) => Source::Chan(unsafe { chan.as_ref() }),
            Flavor::Timer(timer) => Source::Timer(timer),
            Flavor::End(end) => Source::End(end),
            Flavor::Never => Source::Never,
            Flavor::Polled(polled) => polled.receiver().source(),
        }
    }

    /// The untyped part, unless nothing ever comes. An end has several, of which this is one.
    #[inline]
    pub(super) fn core(&self) -> Option<&Core> {
        match &self.flavor {
            // SAFETY: as in `chan`.
            Flavor::Chan(chan) => Some(&unsafe { chan.as_ref() }.core),
            Flavor::Timer(timer) => Some(timer.core()),
            Flavor::End(end) => Some(end.core()),
            Flavor::Never => None,
            Flavor::Polled(polled) => polled.receiver().core(),
        }
    }

    /// Whether `core` is what this receives from.
    pub(super) fn has_core(&self, core: &Core) -> bool {
        match self.source() {
            Source::End(end) => end.has(core),
            _ => self.core().is_some_and(|own| ptr::eq(own, core)),
        }
    }

    /// Receives a value; waits while there is none. Parks the goroutine, or blocks the thread.
    ///
    /// # Errors
    ///
    /// When the channel is closed and everything that was sent has been received.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut slot = MaybeUninit::uninit();
        let Some(chan) = self.chan() else { return self.recv_rare(slot) };
        let mut settled = match chan.core.outlook() {
            Outlook::Try => chan.try_recv_into(&mut slot),
            Outlook::Wait => Settled::NotReady,
            Outlook::Drained => Settled::Closed,
        };
        if !settled.is_final() {
            settled = chan.recv_slow(&mut slot);
        }
        if settled != Settled::Done {
            return Err(RecvError);
        }
        // SAFETY: `Done` says that the slot was filled.
        Ok(unsafe { slot.assume_init() })
    }

    /// `recv` from a timer, an end, or nothing.
    #[cold]
    fn recv_rare(&self, slot: MaybeUninit<T>) -> Result<T, RecvError> {
        self.rare_until(slot, None).map_err(|_| RecvError)
    }

    #[cold]
    fn rare_until(
        &self,
        mut slot: MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<T, RecvTimeoutError> {
        let tick = match self.source() {
            Source::Timer(timer) => timer.take(deadline),
            Source::End(end) => {
                return Err(match end.wait(deadline) {
                    Settled::Closed => RecvTimeoutError::Closed,
                    _ => RecvTimeoutError::Timeout,
                });
            }
            _ => never(deadline),
        };
        match TimerCore::settle(tick, slot.as_mut_ptr().cast()) {
            // SAFETY: `Done` says that the slot was filled; a tick comes from a timer, so `T` is `Instant`.
            Settled::Done => Ok(unsafe { slot.assume_init() }),
            _ => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives a value if that needs no wait: one is there, or somebody waits to send. Neither parks nor
    /// blocks, except for a moment when the sender is a [`Select`](super::Select) that has chosen and not yet
    /// produced its value.
    ///
    /// # Errors
    ///
    /// `Empty` when it would have to wait; `Closed` when the channel is closed and everything was received.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut slot = MaybeUninit::uninit();
        let Some(chan) = self.chan() else { return self.try_recv_rare(slot) };
        if !chan.core.may_recv_now() {
            return Err(TryRecvError::Empty);
        }
        if chan.core.outlook() == Outlook::Drained {
            return Err(TryRecvError::Closed);
        }
        loop {
            match chan.try_recv_into(&mut slot) {
                // SAFETY: `Done` says that the slot was filled.
                Settled::Done => return Ok(unsafe { slot.assume_init() }),
                Settled::Closed => return Err(TryRecvError::Closed),
                Settled::NotReady => return Err(TryRecvError::Empty),
                Settled::Again => {}
            }
        }
    }

    #[cold]
    fn try_recv_rare(&self, mut slot: MaybeUninit<T>) -> Result<T, TryRecvError> {
        let tick = match self.source() {
            Source::Timer(timer) => timer.try_take(),
            Source::End(end) if end.is_over() => return Err(TryRecvError::Closed),
            _ => None,
        };
        match TimerCore::settle(tick, slot.as_mut_ptr().cast()) {
            // SAFETY: as in `rare_until`.
            Settled::Done => Ok(unsafe { slot.assume_init() }),
            _ => Err(TryRecvError::Empty),
        }
    }

    /// As [`recv`](Receiver::recv), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// `Timeout` when the time is over; `Closed` when the channel is closed and everything was received.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.try_recv() {
            Ok(value) => Ok(value),
            Err(TryRecvError::Closed) => Err(RecvTimeoutError::Closed),
            Err(TryRecvError::Empty) => self.recv_until(timer::after(timeout)),
        }
    }

    /// As [`recv`](Receiver::recv), until `deadline`.
    ///
    /// # Errors
    ///
    /// As for [`recv_timeout`](Receiver::recv_timeout).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut slot = MaybeUninit::uninit();
        let Some(chan) = self.chan() else { return self.rare_until(slot, deadline) };
        let settled = match deadline {
            None => chan.recv_slow(&mut slot),
            Some(deadline) => chan.recv_until(&mut slot, deadline),
        };
        match settled {
            // SAFETY: `Done` says that the slot was filled.
            Settled::Done => Ok(unsafe { slot.assume_init() }),
            Settled::Closed => Err(RecvTimeoutError::Closed),
            _ => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Closes the channel, as [`Sender::close`](super::Sender::close) does. True if this call closed it. The
    /// channels of timers, of contexts and of [`never`](super::never) cannot be closed by hand.
    pub fn close(&self) -> bool {
        self.chan().is_some_and(|chan| chan.core.close())
    }

    /// Whether the channel is closed. May be outdated when it returns, if false.
    pub fn is_closed(&self) -> bool {
        match self.source() {
            Source::Chan(chan) => chan.core.is_closed(),
            Source::End(end) => end.is_over(),
            _ => false,
        }
    }

    /// How many values wait to be received; always 0 at capacity 0 and for timers.
    pub fn len(&self) -> usize {
        self.chan().map_or(0, |chan| chan.core.len())
    }

    /// Whether no value waits to be received; always true at capacity 0 and for timers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many values wait as the capacity allows; always true at capacity 0 and for timers.
    pub fn is_full(&self) -> bool {
        self.capacity().is_some_and(|cap| self.len() >= cap)
    }

    /// How many values can wait to be received; `None` when unbounded.
    pub fn capacity(&self) -> Option<usize> {
        self.core().map_or(Some(0), |core| Some(core.cap).filter(|&cap| cap != UNBOUNDED))
    }

    /// Whether both receive from the same channel. All that [`never`](super::never) makes are the same.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (self.source(), other.source()) {
            (Source::Chan(a), Source::Chan(b)) => ptr::eq(a, b),
            (Source::Timer(a), Source::Timer(b)) => Arc::ptr_eq(a, b),
            (Source::End(a), Source::End(b)) => Arc::ptr_eq(a, b),
            (Source::Never, Source::Never) => true,
            _ => false,
        }
    }
}

/// Waits for what never comes, until `deadline` if there is one.
fn never(deadline: Option<Instant>) -> Option<Instant> {
    // A timer that is never set; it differs from `never` in what a dump says only.
    if deadline.is_some() {
        return TimerCore::new(None, None).take(deadline);
    }
    loop {
        // SAFETY: the caller's waiter; nobody learns of it, so nobody readies it.
        unsafe { park(Waiter::current(), WaitReason::ChanReceiveNil, || ()) };
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        let flavor = match &self.flavor {
            Flavor::Chan(chan) => {
                // SAFETY: as in `chan`.
                acquire(&unsafe { chan.as_ref() }.receivers);
                Flavor::Chan(*chan)
            }
            Flavor::Timer(timer) => Flavor::Timer(Arc::clone(timer)),
            Flavor::End(end) => Flavor::End(Arc::clone(end)),
            Flavor::Never => Flavor::Never,
            Flavor::Polled(polled) => return polled.receiver().clone(),
        };
        Receiver { flavor }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Flavor::Chan(ptr) = self.flavor else { return };
        // SAFETY: as in `chan`.
        let chan = unsafe { ptr.as_ref() };
        if release(&chan.receivers) {
            /// Also when the destructor of a value panics.
            struct Gone<T>(NonNull<Chan<T>>);
            impl<T> Drop for Gone<T> {
                fn drop(&mut self) {
                    // SAFETY: the last receiver, so this side is gone, and says so once.
                    unsafe { Chan::side_gone(self.0) };
                }
            }
            let _gone = Gone(ptr);
            chan.core.close();
            // Now, not with the last sender: a value may own a sender of this very channel.
            chan.discard();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
