//! The part of a channel that does not know its element type: who waits, how full it is, whether it is
//! closed; and how to wait for a change of that.
//!
//! `select!` looks at channels of different types at once. So everything it needs to decide is here, under
//! one kind of lock, and only the move of a value is typed and goes through [`Ops`]. Used by `flow`
//! (typed operations), `select`, `timer` and `future`.
//!
//! The hint, a copy of the state that can be read without the lock (written under it, see
//! [`Core::publish`]):
//!
//! ```text
//!    63                         3   2           1         0
//!   ┌───────────────────────────┬───────────┬─────────┬────────┐
//!   │ len                       │ receivers │ senders │ closed │
//!   └───────────────────────────┴───────────┴─────────┴────────┘
//!     values in the buffer        wait        wait
//! ```

use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;
use std::time::Instant;

use gmp_sched::WaitReason;

use super::node::{Node, Outcome, Queue};
use super::sync::{
    AtomicUsize, Critical, Lock, LockGuard, Ordering, Waiter, critical, fence, mutant,
};
use super::transfer::{Got, Sent};

/// Set once, by close.
const CLOSED: usize = 1 << 0;
/// Set while a node is in `State::senders`; its wait may be over already.
const SENDERS: usize = 1 << 1;
/// Set while a node is in `State::receivers`; its wait may be over already.
const RECEIVERS: usize = 1 << 2;
const LEN_SHIFT: u32 = 3;

/// The capacity of an unbounded channel.
pub(crate) const UNBOUNDED: usize = usize::MAX;
/// The largest capacity, so that a length fits the hint. Reached by zero-sized elements only.
pub(crate) const MAX_CAP: usize = usize::MAX >> (LEN_SHIFT + 1);

/// How many waiters one hold of the lock takes out at most, to keep it short.
const BATCH: usize = 16;

/// The two directions of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Send,
    Recv,
}

/// The typed operations, for those who do not know the type. `Core` is the first field of the whole channel.
pub(crate) struct Ops {
    /// Receives into the slot, with the lock held.
    pub(crate) recv: unsafe fn(&Core, &mut State, *mut ()) -> Got,
    /// Sends from the slot, with the lock held.
    pub(crate) send: unsafe fn(&Core, &mut State, *mut ()) -> Sent,
    /// Moves one value from the first place to the second.
    pub(crate) relay: unsafe fn(*const (), *mut ()),
    /// Whether that takes long.
    pub(crate) large: bool,
    /// Does what [`Sent::Grow`] asks for, without the lock.
    pub(crate) grow: unsafe fn(&Core),
    /// Frees what [`Got::Taken`] left over, without the lock.
    pub(crate) free: unsafe fn(NonNull<()>),
    /// Gives back the place that a dynamic send was promised, without the lock.
    pub(crate) return_permit: unsafe fn(&Core),
    /// For timers: when they are ready next.
    pub(crate) when: Option<unsafe fn(&Core, &State) -> Option<Instant>>,
    /// For ends: whether they are over. Needs no lock.
    pub(crate) over: Option<unsafe fn(&Core) -> bool>,
}

/// What a receive has before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It would wait.
    Wait,
    /// It may succeed.
    Try,
    /// Closed, and nothing left to receive, for good.
    Drained,
}

/// The untyped part of a channel.
#[repr(C)]
pub(crate) struct Core {
    hint: AtomicUsize,
    pub(crate) cap: usize,
    pub(crate) ops: &'static Ops,
    /// The bubble that it was made in; 0 for none. Only goroutines of that bubble may use it.
    bubble: u16,
    lock: Lock<State>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) closed: bool,
    /// Values in the buffer.
    pub(crate) len: usize,
    /// Values that were received by a future that did not live to use them; received again before those in
    /// the buffer. They may exceed the capacity.
    pub(crate) returned: usize,
    /// Places in the buffer promised to dynamic sends; `len + reserved <= cap`.
    pub(crate) reserved: usize,
    /// They wait only while nothing can be received.
    pub(crate) receivers: Queue,
    /// They wait only while there is no room.
    pub(crate) senders: Queue,
}

// SAFETY: the queues point to nodes of other threads, which are touched by the rules N1 to N5 only.
unsafe impl Send for State {}

/// Somebody to wake, after unlocking.
#[derive(Debug)]
pub(crate) enum Wake {
    Parked(NonNull<Node>),
    Task(Option<Waker>),
}

impl Core {
    pub(crate) fn new(cap: usize, ops: &'static Ops) -> Core {
        let (receivers, senders) = (Queue::new(), Queue::new());
        let state = State { closed: false, len: 0, returned: 0, reserved: 0, receivers, senders };
        let bubble = gmp_sched::current_bubble();
        Core { hint: AtomicUsize::new(0), cap, ops, bubble, lock: Lock::new(state) }
    }

    /// Opens a critical section (see [`Lock::lock`]).
    ///
    /// # Panics
    ///
    /// When the channel belongs to a bubble and the caller does not.
    #[inline]
    #[track_caller]
    pub(crate) fn lock(&self) -> LockGuard<'_, State> {
        self.check();
        self.lock.lock()
    }

    /// As [`lock`](Core::lock), for what happens to a channel when nobody uses it any more, wherever that is.
    #[inline]
    pub(crate) fn lock_at_end(&self) -> LockGuard<'_, State> {
        self.lock.lock()
    }

    /// Refuses goroutines from outside the bubble.
    #[inline]
    #[track_caller]
    pub(crate) fn check(&self) {
        if self.bubble != 0 {
            self.check_bubble();
        }
    }

    #[cold]
    #[track_caller]
    fn check_bubble(&self) {
        let here = gmp_sched::current_bubble();
        assert!(
            here == self.bubble || std::thread::panicking(),
            "a channel or timer of bubble {} was used outside it (in bubble {here})",
            self.bubble
        );
    }

    /// The reason of a wait at this channel: durable when it is in the bubble of the waiter, as it must be.
    pub(crate) fn reason(&self, reason: WaitReason) -> WaitReason {
        if self.bubble == 0 { reason } else { reason.durable() }
    }

    /// As [`lock`](Core::lock), for one plain operation: with a buffer, throughput counts; without, the other
    /// side waits for this very value.
    #[inline]
    pub(crate) fn lock_plain(&self) -> LockGuard<'_, State> {
        self.check();
        self.lock.lock_with(critical(), self.cap != 0)
    }

    /// Takes the lock in a section that is open already, for who takes several.
    #[inline]
    pub(crate) fn lock_in(&self, section: &Critical) {
        self.lock.lock_in_section(section);
    }

    /// The state, for who has taken the lock by [`lock_in`](Core::lock_in).
    ///
    /// # Safety
    ///
    /// The lock is the caller's, longer than the result is used; there is one result at a time.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the lock makes it unique, but is held by the caller")]
    pub(crate) unsafe fn state(&self) -> &mut State {
        // SAFETY: the lock is held (contract).
        unsafe { &mut *self.lock.value_ptr() }
    }

    /// Gives back what [`lock_in`](Core::lock_in) took.
    ///
    /// # Safety
    ///
    /// The lock is the caller's, in a section that is open, and the state is not used any more.
    #[inline]
    pub(crate) unsafe fn unlock_in(&self) {
        // SAFETY: passed on.
        unsafe { self.lock.unlock_in_section() };
    }

    /// Brings the hint up to date, before unlocking.
    #[inline]
    pub(crate) fn publish(&self, st: &State) {
        let flag = |set: bool, bit: usize| if set { bit } else { 0 };
        let flags = flag(st.closed, CLOSED)
            | flag(!st.senders.is_empty(), SENDERS)
            | flag(!st.receivers.is_empty(), RECEIVERS);
        // Release: pairs with Acquire in `peek`; who sees the channel closed sees what went before the close.
        self.hint.store(((st.len + st.returned) << LEN_SHIFT) | flags, Ordering::Release);
    }

    /// As [`publish`](Core::publish), for who begins to wait on a `side` that is not ready: the channel is open, and nobody is
    /// on the other side.
    #[inline]
    pub(super) fn publish_waiting(&self, st: &State, side: Side) {
        let (flag, other) = match side {
            Side::Send => (SENDERS, &st.receivers),
            Side::Recv => (RECEIVERS, &st.senders),
        };
        // Not where a mutant waits all the same: the models are to see what comes of it.
        debug_assert!(!st.closed && other.is_empty() || mutant("chan_waits_blindly"));
        // Release: as in `publish`.
        self.hint.store(((st.len + st.returned) << LEN_SHIFT) | flag, Ordering::Release);
    }

    #[inline]
    fn peek(&self) -> usize {
        // Acquire: pairs with Release in `publish`.
        self.hint.load(Ordering::Acquire)
    }

    /// Whether a receive may succeed, or fail for good. False is exact at some moment of the call.
    #[inline]
    pub(crate) fn may_recv(&self) -> bool {
        self.peek() & !RECEIVERS != 0 || self.is_over()
    }

    /// Whether this is an end that has come. Needs no lock.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // SAFETY: the core's own function.
        self.ops.over.is_some_and(|over| unsafe { over(self) })
    }

    /// Whether somebody waits to receive; may be outdated.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.peek() & RECEIVERS != 0
    }

    /// Whether a send may succeed, or fail for good. False is exact at some moment of the call.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        let hint = self.peek();
        hint & (CLOSED | RECEIVERS) != 0 || hint >> LEN_SHIFT < self.cap
    }

    /// As [`may_recv`](Core::may_recv), and where it says no, what this thread has done on *other* channels
    /// was visible before. Without that, two parties that each send on one channel and then find the other's
    /// empty could both be refused, which no order of the four operations explains.
    #[inline]
    pub(crate) fn may_recv_now(&self) -> bool {
        // SeqCst fence: pairs with itself in the other party; the store to one hint comes before the load of
        // the other. Only the refused pay for it.
        self.may_recv() || {
            fence(Ordering::SeqCst);
            self.may_recv()
        }
    }

    /// As [`may_recv_now`](Core::may_recv_now), for a send.
    #[inline]
    pub(crate) fn may_send_now(&self) -> bool {
        // SeqCst fence: as in `may_recv_now`.
        self.may_send() || {
            fence(Ordering::SeqCst);
            self.may_send()
        }
    }

    /// What the hint says about a receive; `Wait` is as exact as [`may_recv`](Core::may_recv).
    #[inline]
    pub(crate) fn outlook(&self) -> Outlook {
        match self.peek() {
            hint if hint & !RECEIVERS == 0 => Outlook::Wait,
            hint if hint & !(RECEIVERS | SENDERS) == CLOSED => Outlook::Drained,
            _ => Outlook::Try,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.peek() & CLOSED != 0
    }

    /// Values in the buffer.
    pub(crate) fn len(&self) -> usize {
        self.peek() >> LEN_SHIFT
    }

    /// Takes the lock to wait, unless `side` is ready.
    #[inline(always)]
    pub(super) fn lock_to_wait(&self, side: Side) -> Option<(LockGuard<'_, State>, Waiter)> {
        self.check();
        let (waiter, section) = Waiter::in_section();
        let mut st = self.lock.lock_with(section, self.cap != 0);
        let waits = mutant("chan_waits_blindly") || !st.is_ready(self.cap, side);
        waits.then_some((st, waiter))
    }

    /// Closes the channel and wakes everybody who waits. True if this call did it.
    pub(crate) fn close(&self) -> bool {
        {
            let mut st = self.lock_at_end();
            if st.closed {
                return false;
            }
            st.closed = true;
            self.publish(&st);
        }
        self.wake_all(Outcome::Closed);
        true
    }

    /// Ends the wait of everybody who waits now, a few at each hold of the lock.
    pub(crate) fn wake_all(&self, outcome: Outcome) {
        loop {
            let mut batch = [const { None }; BATCH];
            let mut taken = 0;
            let mut st = self.lock_at_end();
            while taken < BATCH {
                let Some(node) = st.receivers.pop().or_else(|| st.senders.pop()) else { break };
                batch[taken] = Some(Wake::take(node, outcome));
                taken += 1;
            }
            self.publish(&st);
            drop(st);
            for wake in batch.into_iter().flatten() {
                wake.wake(outcome);
            }
            if taken < BATCH {
                return;
            }
        }
    }
}

impl State {
    #[inline]
    pub(crate) fn queue(&mut self, side: Side) -> &mut Queue {
        match side {
            Side::Send => &mut self.senders,
            Side::Recv => &mut self.receivers,
        }
    }

    /// Whether the buffer takes one more.
    #[inline]
    pub(crate) fn has_room(&self, cap: usize) -> bool {
        self.len + self.returned + self.reserved < cap
    }

    /// Whether `side` would not have to wait. For channels; timers have their own rule.
    #[inline]
    pub(crate) fn is_ready(&mut self, cap: usize, side: Side) -> bool {
        self.closed
            || match side {
                Side::Recv => self.len > 0 || self.returned > 0 || self.senders.has_open(),
                Side::Send => self.has_room(cap) || self.receivers.has_open(),
            }
    }
}

impl Wake {
    /// For a node just popped, with the lock held: ends a task's wait, which may not be touched later.
    pub(crate) fn take(node: NonNull<Node>, outcome: Outcome) -> Wake {
        // SAFETY: just popped, so valid.
        if unsafe { node.as_ref() }.is_task() {
            // SAFETY: a task's, under the lock (caller).
            Wake::Task(unsafe { Node::end_task(node, outcome) })
        } else {
            Wake::Parked(node)
        }
    }

    /// Wakes it, outside the lock. Runs the code of a waker, if it is a task.
    pub(crate) fn wake(self, outcome: Outcome) {
        match self {
            // SAFETY: popped by the caller of `take`, and `self` is consumed.
            Wake::Parked(node) => unsafe { Node::wake(node, outcome) },
            Wake::Task(Some(waker)) => waker.wake(),
            Wake::Task(None) => {}
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
