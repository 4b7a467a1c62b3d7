//! The typed ends of `select!`: what the macro makes of each arm. Not for use by hand.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::time::Duration;

use gmp_sched::WaitReason;

use super::core::Side;
use super::err::{RecvError, SendError};
use super::gather::Lane;
use super::receiver::Receiver;
use super::select::{Status, select};
use super::sender::Sender;
use super::sync::{Waiter, park};
use super::timer;

pub use std::mem::ManuallyDrop as Kept;

pub use super::select::{Case, Limit};

/// `recv(rx) -> msg`, before and while it is chosen.
pub struct RecvArm<'a, T> {
    receiver: &'a Receiver<T>,
    status: Cell<Status>,
    slot: UnsafeCell<MaybeUninit<T>>,
}

/// `send(tx, value) -> res`, before and while it is chosen.
pub struct SendArm<'a, T> {
    sender: &'a Sender<T>,
    status: Cell<Status>,
    /// Ours unless the status is `Done`.
    value: UnsafeCell<ManuallyDrop<T>>,
}

impl<'a, T> RecvArm<'a, T> {
    /// Takes the operand.
    #[inline]
    pub fn new(receiver: &'a Receiver<T>) -> RecvArm<'a, T> {
        RecvArm {
            receiver,
            status: Cell::new(Status::Idle),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The part for the engine.
    #[inline]
    pub fn case(&self) -> Case<'_> {
        let slot = self.slot.get().cast();
        // SAFETY: a place for a value, not used here as long as the case lives.
        unsafe { Case::new(self.receiver.core(), Side::Recv, slot, Some(&self.status)) }
    }

    /// The message. Panics if this arm was not chosen. It is wrapped so that the value that the match of the
    /// macro is made on has no destructor, which would count as a use of what the arms' types borrow.
    #[inline]
    pub fn finish(self) -> ManuallyDrop<Result<T, RecvError>> {
        ManuallyDrop::new(match self.status.get() {
            // SAFETY: `Done` says that the slot was filled.
            Status::Done => Ok(unsafe { self.slot.into_inner().assume_init() }),
            Status::Closed => Err(RecvError),
            _ => not_chosen(),
        })
    }
}

impl<'a, T> SendArm<'a, T> {
    /// Takes the operands.
    #[inline]
    pub fn new(sender: &'a Sender<T>, value: T) -> SendArm<'a, T> {
        SendArm {
            sender,
            status: Cell::new(Status::Idle),
            value: UnsafeCell::new(ManuallyDrop::new(value)),
        }
    }

    /// The part for the engine.
    #[inline]
    pub fn case(&self) -> Case<'_> {
        let slot = self.value.get().cast();
        // SAFETY: a value, not used here as long as the case lives, nor after `Done`.
        unsafe { Case::new(Some(self.sender.core()), Side::Send, slot, Some(&self.status)) }
    }

    /// The result. Panics if this arm was not chosen.
    #[inline]
    pub fn finish(mut self) -> ManuallyDrop<Result<(), SendError<T>>> {
        ManuallyDrop::new(match self.status.get() {
            Status::Done => Ok(()),
            Status::Closed => {
                // SAFETY: not sent, so still here; the status says from now on that it is not.
                let value = unsafe { ManuallyDrop::take(self.value.get_mut()) };
                self.status.set(Status::Done);
                Err(SendError(value))
            }
            _ => not_chosen(),
        })
    }
}

impl<T> Drop for SendArm<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.status.get() != Status::Done {
            // SAFETY: not sent, so still here.
            unsafe { ManuallyDrop::drop(self.value.get_mut()) };
        }
    }
}

/// The engine named an arm that it does not have.
#[cold]
pub fn not_chosen() -> ! {
    unreachable!("this arm was not chosen")
}

/// Carries out one of the cases; its index, or `usize::MAX` when none was ready within `limit`. Parks the
/// goroutine, or blocks the thread.
pub fn run<const N: usize>(mut cases: [Case<'_>; N], limit: Limit, biased: bool) -> usize {
    let lanes = || [const { Lane::new() }; N];
    select(&mut cases, lanes, limit, biased).map_or(usize::MAX, |(index, _)| index)
}

/// The limit of `default(timeout)`.
pub fn within(timeout: Duration) -> Limit {
    timer::after(timeout).map_or(Limit::Never, Limit::At)
}

/// `select! {}`: waits for nothing, for ever.
pub fn forever() -> ! {
    loop {
        // SAFETY: the caller's waiter; nobody learns of it, so nobody readies it.
        unsafe { park(Waiter::current(), WaitReason::SelectNoCases, || ()) };
    }
}

impl<T> fmt::Debug for RecvArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvArm").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendArm").finish_non_exhaustive()
    }
}

/// Lends an operand. A method, because the operand of a method call is type-checked without an expectation:
/// so `recv(if up { &rx } else { &other })` is fine, and what it gives is coerced to the handle afterwards.
pub trait Operand {
    /// The operand.
    #[doc(hidden)]
    fn __gmp_operand(&self) -> &Self;
}

impl<X: ?Sized> Operand for X {
    #[inline]
    fn __gmp_operand(&self) -> &X {
        self
    }
}
