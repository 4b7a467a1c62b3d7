//! What an operation found under the lock, and what that leaves to do after unlocking: move the value between
//! two stacks, wake the other side, free a block. Untyped; `flow` and `select` finish their attempts here.

use std::ptr::{self, NonNull};
use std::task::Waker;

use gmp_sched::WaitReason;

use super::core::Core;
use super::node::{Node, Outcome};
use super::sync::{Critical, Waiter, park};

/// Whether a value takes so long to move, more than a page, that nobody is to be kept from stopping the goroutine meanwhile.
pub(crate) const fn is_large<T>() -> bool {
    size_of::<T>() > 4096
}

/// Moves a value by `relay` to or from `other`, who waits on the other side, and wakes it; in the section, unless the value is
/// `large`.
///
/// # Safety
///
/// As for [`Node::wake`], of which `other`'s operation is done by `relay`.
#[inline(always)]
unsafe fn hand_over(section: Critical, large: bool, relay: impl FnOnce(), other: NonNull<Node>) {
    if large {
        drop(section);
        relay();
        // SAFETY: contract.
        return unsafe { Node::wake(other, Outcome::Done) };
    }
    relay();
    // SAFETY: contract.
    unsafe { Node::wake_in(&section, other, Outcome::Done) };
}

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
    /// `slot` takes a value of the channel, and `relay` moves one from place to place; `large` is [`is_large`] of it.
    #[inline(always)]
    pub(crate) unsafe fn settle(
        self,
        section: Critical,
        core: &Core,
        slot: *mut (),
        large: bool,
        relay: impl FnOnce(*const (), *mut ()),
    ) -> Settled {
        // Before the others, without a jump through a table.
        if let Got::From(sender) = self {
            // SAFETY: ours, and alive until it is woken (N3).
            let relay = || relay(unsafe { sender.as_ref() }.slot.get(), slot);
            // SAFETY: popped for this receive; the value leaves its slot.
            unsafe { hand_over(section, large, relay, sender) };
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
    /// `value` is the value sent, and `relay` moves one from place to place; `large` is [`is_large`] of it.
    #[inline(always)]
    pub(crate) unsafe fn settle(
        self,
        section: Critical,
        core: &Core,
        value: *const (),
        large: bool,
        relay: impl FnOnce(*const (), *mut ()),
    ) -> Settled {
        match self {
            Sent::Stored => Settled::Done,
            Sent::To(receiver) => {
                // SAFETY: ours, and alive until it is woken (N3).
                let relay = || relay(value, unsafe { receiver.as_ref() }.slot.get());
                // SAFETY: popped for this send; its slot is filled.
                unsafe { hand_over(section, large, relay, receiver) };
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
