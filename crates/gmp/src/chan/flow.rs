//! A channel of `T`: the moves of values, and the blocking operations made of them.
//!
//! An operation is one look under the lock, which either moves the value, or hands it over to somebody who
//! waits, or finds that it must wait; then it looks once more, under the lock under which it queues (`wait`). Hand-over is
//! direct: the value is copied between the two stacks after
//! unlocking, and the woken side finds its operation done; it never competes again, so values and waiters
//! are both first come, first served. The copy, if it is short, and the wake are in the critical section of the lock, which costs
//! one section less; what may park, allocate or run the code of others comes after it. Used by `sender`, `receiver` and,
//! through [`Ops`], by `select`.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::time::Instant;

use super::core::{Core, MAX_CAP, Ops, Side, State, UNBOUNDED};
use super::list::{Block, Chain, List};
use super::node::{Node, Outcome};
use super::ring::Ring;
use super::store::Store;
use super::sync::{AtomicBool, AtomicUsize, Critical};
use super::transfer::{Got, Sent, Settled, is_large};

/// A channel, shared by its handles (`counter`).
#[repr(C)]
pub(crate) struct Chan<T> {
    pub(crate) core: Core,
    /// # Safety
    ///
    /// Touched with the lock of `core` held only, or by the last handle.
    store: UnsafeCell<Store<T>>,
    /// Values that came back (`State::returned` of them).
    ///
    /// # Safety
    ///
    /// As for `store`.
    returned: UnsafeCell<Chain<T>>,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Set by the side that is gone first.
    pub(super) one_side_gone: AtomicBool,
}

// SAFETY: values move between threads, one owner each; the rest is guarded by the lock or atomic.
unsafe impl<T: Send> Send for Chan<T> {}
// SAFETY: as above; no `&T` is ever handed out.
unsafe impl<T: Send> Sync for Chan<T> {}

impl<T> Chan<T> {
    const OPS: &'static Ops = &Ops {
        recv: |core, st, slot| {
            // SAFETY: the core of a `Chan<T>` (`new`).
            let chan = unsafe { Chan::<T>::of(core) };
            // SAFETY: its lock is held, and the slot takes a value (contract of Ops).
            unsafe { chan.recv_locked(st, slot.cast()) }
        },
        send: |core, st, slot| {
            // SAFETY: as above.
            let chan = unsafe { Chan::<T>::of(core) };
            // SAFETY: as above; the slot holds a value.
            unsafe { chan.send_locked(st, slot.cast()) }
        },
        // SAFETY: a value and a place for it (contract of Ops).
        relay: |from, to| unsafe { relay::<T>(from, to) },
        large: is_large::<T>(),
        // SAFETY: the core of a `Chan<T>`.
        grow: |core| unsafe { Chan::<T>::of(core) }.grow(),
        // SAFETY: a block of this type that left its list (contract of Ops).
        free: |block| unsafe { Block::<T>::free(block.cast()) },
        // SAFETY: the core of a `Chan<T>`.
        return_permit: |core| unsafe { Chan::<T>::of(core) }.return_permit(),
        when: None,
        over: None,
    };

    /// A channel with one sender and one receiver. Panics when the buffer's size overflows.
    pub(super) fn new(cap: usize) -> Chan<T> {
        let store = match cap {
            0 => Store::None,
            UNBOUNDED => Store::List(List::new()),
            _ => {
                assert!(cap <= MAX_CAP, "gmp::chan::bounded: the capacity is out of range");
                Store::Ring(Ring::new(cap))
            }
        };
        Chan {
            core: Core::new(cap, Self::OPS),
            store: UnsafeCell::new(store),
            returned: UnsafeCell::new(Chain::new()),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            one_side_gone: AtomicBool::new(false),
        }
    }

    /// # Safety
    ///
    /// `core` is the core of a `Chan<T>`.
    unsafe fn of(core: &Core) -> &Chan<T> {
        // SAFETY: the core is the first field (repr C) of a `Chan<T>` (contract) that outlives the borrow.
        unsafe { &*ptr::from_ref(core).cast::<Chan<T>>() }
    }

    /// Receives, if that needs no wait.
    ///
    /// # Safety
    ///
    /// `st` is the locked state of this channel; `slot` takes a value.
    #[inline(always)]
    pub(super) unsafe fn recv_locked(&self, st: &mut State, slot: *mut T) -> Got {
        if st.returned > 0 {
            // SAFETY: passed on.
            return unsafe { self.recv_returned(st, slot) };
        }
        if st.len > 0 {
            st.len -= 1;
            // SAFETY: the lock is held.
            let store = unsafe { &mut *self.store.get() };
            // SAFETY: there was a value; the slot takes it (contract).
            let garbage = unsafe { store.pop(st.len, slot) };
            return Got::Taken { wake: self.refill(st), garbage };
        }
        if st.closed {
            return Got::Closed;
        }
        match st.senders.pop() {
            None => Got::Empty,
            // SAFETY: just popped, so valid.
            Some(sender) if unsafe { sender.as_ref() }.is_dynamic() => Got::Await(sender),
            Some(sender) => Got::From(sender),
        }
    }

    /// Receives a value that came back.
    ///
    /// # Safety
    ///
    /// As for `recv_locked`; there is one.
    #[cold]
    unsafe fn recv_returned(&self, st: &mut State, slot: *mut T) -> Got {
        // SAFETY: the lock is held.
        let chain = unsafe { &mut *self.returned.get() };
        let Some(block) = chain.pop() else { return Got::Empty };
        st.returned -= 1;
        // SAFETY: out of the chain, so ours.
        let value = unsafe { Block::value(block) };
        // SAFETY: such a block has a value; the slot takes it (contract).
        unsafe { ptr::copy_nonoverlapping(value, slot, 1) };
        Got::Taken { wake: self.refill(st), garbage: Some(block.cast()) }
    }

    /// Takes a value back that was received and could not be used: the next receiver gets it.
    pub(super) fn give_back(&self, value: T) {
        // Before locking.
        let block = Block::with(value);
        // SAFETY: made just now.
        let place = unsafe { Block::value(block) };
        let mut st = self.core.lock();
        let Some(receiver) = st.receivers.pop() else {
            // SAFETY: the lock is held.
            unsafe { &mut *self.returned.get() }.push(block);
            st.returned += 1;
            self.core.publish(&st);
            return;
        };
        // SAFETY: just popped, so valid; the lock is held. The value goes to a receiver of this channel.
        let sent = unsafe { Self::hand(receiver, place) };
        self.core.publish(&st);
        let section = st.unlock();
        // SAFETY: as above.
        let _done = unsafe { self.finish_send(section, sent, place) };
        // SAFETY: in no chain, and its value has moved.
        unsafe { Block::free(block) };
    }

    /// Hands `value` to a receiver just popped: now, under the lock, or, in `settle`, after it.
    ///
    /// # Safety
    ///
    /// The lock is held; `value` is a value that is the receiver's from now on.
    #[inline]
    unsafe fn hand(receiver: NonNull<Node>, value: *const T) -> Sent {
        // SAFETY: just popped, so valid.
        let node = unsafe { receiver.as_ref() };
        if !node.is_task() {
            return Sent::To(receiver);
        }
        // SAFETY: a value (contract), and the place in a task that waits for one.
        unsafe { relay::<T>(value.cast(), node.slot.get()) };
        // SAFETY: a task's, under the lock.
        Sent::Task(unsafe { Node::end_task(receiver, Outcome::Done) })
    }

    /// Gives a place that became free to the sender that has waited longest; it is to be woken.
    #[inline]
    fn refill(&self, st: &mut State) -> Option<(NonNull<Node>, Outcome)> {
        if st.senders.is_empty() || st.closed || !st.has_room(self.core.cap) {
            return None;
        }
        let sender = st.senders.pop()?;
        // SAFETY: just popped, so valid.
        let slot = unsafe { sender.as_ref() }.slot.get();
        if slot.is_null() {
            st.reserved += 1;
            return Some((sender, Outcome::Permit));
        }
        // SAFETY: the lock is held.
        let store = unsafe { &mut *self.store.get() };
        // SAFETY: the slot of a waiting sender holds its value, which is ours now (N3); there is room, and
        // a channel with a limit never needs a block.
        unsafe { store.push(st.len, slot.cast()) };
        st.len += 1;
        Some((sender, Outcome::Done))
    }

    /// Sends, if that needs no wait.
    ///
    /// # Safety
    ///
    /// `st` is the locked state of this channel; `value` is a value, which is the channel's from now on when
    /// the result is `Stored`, `To` or `Task`.
    #[inline(always)]
    pub(super) unsafe fn send_locked(&self, st: &mut State, value: *const T) -> Sent {
        if st.closed {
            return Sent::Closed;
        }
        if let Some(receiver) = st.receivers.pop() {
            // SAFETY: just popped under the lock; the value is given (contract).
            return unsafe { Self::hand(receiver, value) };
        }
        if !st.has_room(self.core.cap) {
            return Sent::Full;
        }
        // SAFETY: the lock is held.
        let store = unsafe { &mut *self.store.get() };
        // SAFETY: a value (contract), and there is room.
        if unsafe { store.push(st.len, value) } {
            st.len += 1;
            Sent::Stored
        } else {
            Sent::Grow
        }
    }

    /// What is left to do after `recv_locked`, after unlocking; closes the section of the lock.
    ///
    /// # Safety
    ///
    /// `got` comes from `recv_locked` with this slot.
    #[inline(always)]
    pub(super) unsafe fn finish_recv(&self, section: Critical, got: Got, slot: *mut T) -> Settled {
        let relay = |from, to| {
            // SAFETY: a value and a place for one, from `settle`.
            unsafe { relay::<T>(from, to) }
        };
        // SAFETY: contract.
        unsafe { got.settle(section, &self.core, slot.cast(), const { is_large::<T>() }, relay) }
    }

    /// What is left to do after `send_locked`, after unlocking; closes the section of the lock.
    ///
    /// # Safety
    ///
    /// `sent` comes from `send_locked` with this value.
    #[inline(always)]
    unsafe fn finish_send(&self, section: Critical, sent: Sent, value: *const T) -> Settled {
        let relay = |from, to| {
            // SAFETY: as in `finish_recv`.
            unsafe { relay::<T>(from, to) }
        };
        // SAFETY: contract.
        unsafe { sent.settle(section, &self.core, value.cast(), const { is_large::<T>() }, relay) }
    }

    /// One attempt to receive into `slot`.
    #[inline(never)]
    pub(super) fn try_recv_into(&self, slot: &mut MaybeUninit<T>) -> Settled {
        let mut st = self.core.lock_plain();
        // SAFETY: locked; the slot is a place for a `T`.
        let got = unsafe { self.recv_locked(&mut st, slot.as_mut_ptr()) };
        self.core.publish(&st);
        let section = st.unlock();
        // SAFETY: as above.
        unsafe { self.finish_recv(section, got, slot.as_mut_ptr()) }
    }

    /// One attempt to send `value`, which has moved when the result is `Done`.
    #[inline(never)]
    pub(super) fn try_send_from(&self, value: &ManuallyDrop<T>) -> Settled {
        let value: *const T = &**value;
        let mut st = self.core.lock_plain();
        // SAFETY: locked; the caller gives the value away on success.
        let sent = unsafe { self.send_locked(&mut st, value) };
        self.core.publish(&st);
        let section = st.unlock();
        // SAFETY: as above.
        unsafe { self.finish_send(section, sent, value) }
    }

    /// Receives into `slot` after an attempt that was in vain, waiting if need be: `Done` or `Closed`.
    #[inline]
    pub(super) fn recv_slow(&self, slot: &mut MaybeUninit<T>) -> Settled {
        let place: *mut MaybeUninit<T> = slot;
        // SAFETY: a place for a `T`, used for nothing else meanwhile.
        let wait = || Some(unsafe { self.core.wait_to_recv(place.cast()) });
        // SAFETY: the caller's, and no wait goes on.
        in_turns(wait, || self.try_recv_into(unsafe { &mut *place }))
    }

    /// As [`recv_slow`](Chan::recv_slow); `NotReady` when `deadline` has passed.
    #[cold]
    pub(super) fn recv_until(&self, slot: &mut MaybeUninit<T>, deadline: Instant) -> Settled {
        let place: *mut MaybeUninit<T> = slot;
        // SAFETY: as in `recv_slow`.
        let wait = || unsafe { self.core.wait_for(Side::Recv, place.cast(), deadline) };
        // SAFETY: as there.
        in_turns(wait, || self.try_recv_into(unsafe { &mut *place }))
    }

    /// Sends `value` after an attempt that was in vain, waiting if need be: `Done` (it has moved) or `Closed`.
    #[inline]
    pub(super) fn send_slow(&self, value: &ManuallyDrop<T>) -> Settled {
        let place = ptr::from_ref(value).cast_mut().cast();
        // SAFETY: the caller's value; whoever pops the node moves it out.
        let wait = || Some(unsafe { self.core.wait_to_send(place) });
        in_turns(wait, || self.try_send_from(value))
    }

    /// As [`send_slow`](Chan::send_slow); `NotReady` when `deadline` has passed.
    #[cold]
    pub(super) fn send_until(&self, value: &ManuallyDrop<T>, deadline: Instant) -> Settled {
        let place = ptr::from_ref(value).cast_mut().cast();
        // SAFETY: as in `send_slow`.
        let wait = || unsafe { self.core.wait_for(Side::Send, place, deadline) };
        in_turns(wait, || self.try_send_from(value))
    }

    /// Uses the place that a dynamic send was promised: `Done`, or `Closed`. Never waits.
    pub(super) fn send_permitted(&self, value: &ManuallyDrop<T>) -> Settled {
        let value: *const T = &**value;
        let mut st = self.core.lock();
        st.reserved -= 1;
        // SAFETY: locked; the caller gives the value away on success. There is room: it was reserved.
        let sent = unsafe { self.send_locked(&mut st, value) };
        self.core.publish(&st);
        let section = st.unlock();
        // SAFETY: as above.
        unsafe { self.finish_send(section, sent, value) }
    }

    /// Gives back the place that a dynamic send was promised.
    pub(super) fn return_permit(&self) {
        let mut st = self.core.lock();
        st.reserved -= 1;
        let wake = self.refill(&mut st);
        self.core.publish(&st);
        let section = st.unlock();
        if let Some((sender, outcome)) = wake {
            // SAFETY: popped for this place.
            unsafe { Node::wake_in(&section, sender, outcome) };
        }
    }

    /// Hands in a block for a push that found none.
    #[cold]
    fn grow(&self) {
        let block = Block::allocate();
        let surplus = {
            let _st = self.core.lock();
            // SAFETY: the lock is held.
            unsafe { &mut *self.store.get() }.supply(block)
        };
        if let Some(block) = surplus {
            // SAFETY: not taken, so in no list.
            unsafe { Block::free(block) };
        }
    }

    /// Drops what is in the buffer, one value at a time, without the lock. If a destructor panics the rest
    /// is dropped while unwinding.
    pub(super) fn discard(&self) {
        struct Rest<'a, T>(&'a Chan<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.0.discard_until_panic();
            }
        }
        let rest = Rest(self);
        self.discard_until_panic();
        drop(rest);
    }

    fn discard_until_panic(&self) {
        loop {
            let mut slot = MaybeUninit::<T>::uninit();
            let mut st = self.core.lock_at_end();
            // SAFETY: locked; a place for a `T`.
            let got = unsafe { self.recv_locked(&mut st, slot.as_mut_ptr()) };
            self.core.publish(&st);
            let section = st.unlock();
            // SAFETY: received into this slot.
            if unsafe { self.finish_recv(section, got, slot.as_mut_ptr()) } != Settled::Done {
                return;
            }
            // SAFETY: received just now.
            drop(unsafe { slot.assume_init() });
        }
    }
}

/// Waits, and tries again when told to, until the operation is over or the wait.
#[inline]
fn in_turns(
    mut wait: impl FnMut() -> Option<Outcome>,
    mut attempt: impl FnMut() -> Settled,
) -> Settled {
    loop {
        match wait() {
            None => return Settled::NotReady,
            Some(Outcome::Done) => return Settled::Done,
            Some(Outcome::Closed) => return Settled::Closed,
            Some(_) => {}
        }
        let settled = attempt();
        if settled.is_final() {
            return settled;
        }
    }
}

/// Moves a value from one place to another.
///
/// # Safety
///
/// `from` holds a `T` that is not used there any more; `to` takes one.
#[inline]
unsafe fn relay<T>(from: *const (), to: *mut ()) {
    // SAFETY: contract; two different places.
    unsafe { ptr::copy_nonoverlapping(from.cast::<T>(), to.cast::<T>(), 1) };
}

impl<T> Drop for Chan<T> {
    fn drop(&mut self) {
        self.discard();
    }
}
