//! What an operation found under the lock, and what that leaves to do after unlocking: move the value between
//! two stacks, wake the other side, free a block. Untyped; `flow` and `select` finish their attempts here.

use std::ptr::{self, NonNull};
use std::task::Waker;

use gmp_sched::WaitReason;

use super::core::Core;
use super::node::{Node, Outcome};
use super::sync::{Critical, Waiter, park};

/// What a receive found under the lock.
#[must_use]
pub(crate) enum Got {
    /// The value is in the slot. What is left to do after unlocking: a sender to wake, a block to free.
    Taken {
        wake: Option<(NonNull<Node>, Outcome)>,
        garbage: Option<NonNull<()>>,
    },
    /// This sender waits with a value, and is ours.
    From(NonNull<Node>),
    /// This dynamic sender is ours, but has no value yet.
    Await(NonNull<Node>),
    Closed,
    Empty,
}

/// What a send found under the lock.
#[must_use]
pub(crate) enum Sent {
    /// In the buffer.
    Stored,
    /// This receiver waits for it, and is ours.
    To(NonNull<Node>),
    /// A task got it.
    Task(Option<Waker>),
    Closed,
    Full,
    /// Call `grow` without the lock and try again.
    Grow,
}

/// How an attempt ended, after unlocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Settled {
    Done,
    Closed,
    /// It would have to wait.
    NotReady,
    /// Nothing has moved; look again.
    Again,
}

impl Settled {
    /// Whether the operation is over.
    #[inline]
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Settled::Done | Settled::Closed)
    }
}

impl Got {
    /// Does what is left to do after unlocking, and closes the `section` in which the lock was held. Parks when the sender is a
    /// dynamic one that must first produce its value.
    ///
    /// # Safety
    ///
    /// `slot` takes a value of the channel, and `relay` moves one from place to place.
    #[inline(always)]
    pub(crate) unsafe fn settle(
        self,
        section: Critical,
        core: &Core,
        slot: *mut (),
        relay: impl FnOnce(*const (), *mut ()),
    ) -> Settled {
        // Before the others, without a jump through a table.
        if let Got::From(sender) = self {
            // SAFETY: ours, and alive until it is woken (N3).
            relay(unsafe { sender.as_ref() }.slot.get(), slot);
            // SAFETY: popped for this receive; the value has left its slot.
            unsafe { Node::wake_in(&section, sender, Outcome::Done) };
            return Settled::Done;
        }
        match self {
            Got::Taken { wake, garbage } => {
                if let Some((sender, outcome)) = wake {
                    // SAFETY: popped for this receive.
                    unsafe { Node::wake_in(&section, sender, outcome) };
                }
                drop(section);
                if let Some(block) = garbage {
                    // SAFETY: left the buffer of this channel in `recv_locked`.
                    unsafe { (core.ops.free)(block) };
                }
                Settled::Done
            }
            Got::Await(sender) => {
                drop(section);
                // SAFETY: passed on.
                unsafe { await_pledge(sender, slot) }
            }
            Got::Closed => Settled::Closed,
            // The former: see above.
            Got::From(_) | Got::Empty => Settled::NotReady,
        }
    }
}

/// Waits for the value of a dynamic sender that was chosen and owes it now.
///
/// # Safety
///
/// `sender` was popped by the caller and has no value yet; `slot` takes one.
#[cold]
unsafe fn await_pledge(sender: NonNull<Node>, slot: *mut ()) -> Settled {
    let waiter = Waiter::current();
    let node = Node::parked(waiter, slot);
    // SAFETY: the sender is ours until it is woken (N3).
    unsafe { sender.as_ref() }.slot.set(ptr::from_ref(&node).cast_mut().cast());
    let commit = move || {
        // SAFETY: popped by the caller, and woken here only.
        unsafe { Node::wake(sender, Outcome::Paired) };
    };
    // SAFETY: the caller's waiter; the sender, woken in the commit, readies it once, in
    // `SelectedOperation::send` or when that is dropped.
    unsafe { park(waiter, WaitReason::ChanReceive, commit) };
    match node.outcome.get() {
        Outcome::Done => Settled::Done,
        _ => Settled::Again,
    }
}

impl Sent {
    /// Does what is left to do after unlocking, and closes the `section` in which the lock was held.
    ///
    /// # Safety
    ///
    /// `value` is the value sent, and `relay` moves one from place to place.
    #[inline(always)]
    pub(crate) unsafe fn settle(
        self,
        section: Critical,
        core: &Core,
        value: *const (),
        relay: impl FnOnce(*const (), *mut ()),
    ) -> Settled {
        match self {
            Sent::Stored => Settled::Done,
            Sent::To(receiver) => {
                // SAFETY: ours, and alive until it is woken (N3).
                relay(value, unsafe { receiver.as_ref() }.slot.get());
                // SAFETY: popped for this send; its slot is filled.
                unsafe { Node::wake_in(&section, receiver, Outcome::Done) };
                Settled::Done
            }
            Sent::Task(waker) => {
                drop(section);
                if let Some(waker) = waker {
                    waker.wake();
                }
                Settled::Done
            }
            Sent::Closed => Settled::Closed,
            Sent::Full => Settled::NotReady,
            Sent::Grow => {
                drop(section);
                // SAFETY: the lock is not held.
                unsafe { (core.ops.grow)(core) };
                Settled::Again
            }
        }
    }
}
