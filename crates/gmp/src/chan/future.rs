//! `recv_async`: receiving from asynchronous code. (`stream` does so again and again.)
//!
//! A future waits with a node like everybody else, in the same queue; its waker stands where others have
//! their goroutine. Since it can be dropped at any time, its node is touched under the channel's lock only
//! (N5), and the waker is called after unlocking. A future that was dropped after a value had been handed to
//! it gives the value back to the channel, where the next receiver finds it: at capacity 0 too, where the
//! sender has long gone on.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gmp_sched::{Delayed, spawn_at, yield_now};

use super::core::Core;
use super::end::End;
use super::err::RecvError;
use super::flow::Chan;
use super::node::{Node, Outcome, TaskNode};
use super::receiver::{Receiver, Source};
use super::sync::Cell;
use super::timer::TimerCore;
use super::transfer::{Got, Settled};

/// The future of [`Receiver::recv_async`].
#[must_use = "futures do nothing unless polled"]
pub struct RecvFuture<'a, T> {
    receiver: &'a Receiver<T>,
    reception: Reception<T>,
}

/// What a task needs to receive: its node, a place for the value, an alarm.
pub(super) struct Reception<T> {
    task: TaskNode,
    /// The node has been queued and its end has not been noticed here yet.
    waiting: bool,
    slot: MaybeUninit<T>,
    /// For timers: wakes those who wait when the tick is there.
    alarm: Option<Delayed>,
    /// The queue points to the node.
    _pinned: PhantomPinned,
}

// SAFETY: the node is touched under the lock of its channel, and the rest belongs to its owner; a value in
// the slot moves with it.
unsafe impl<T: Send> Send for Reception<T> {}
// SAFETY: nothing can be done through a shared reference.
unsafe impl<T: Send> Sync for Reception<T> {}

impl<T> Receiver<T> {
    /// Receives from asynchronous code. Polling blocks for a moment only when the sender is a
    /// [`Select`](super::Select) that has not produced its value yet; waiting for a timer needs a running
    /// runtime. If the future is dropped after a value was chosen for it, the next receiver gets that.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture { receiver: self, reception: Reception::new() }
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the reception is not moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned with the future, which retires it when it is dropped; the receiver is the same always.
        unsafe { this.reception.poll(this.receiver, cx) }
    }
}

/// How a future's wait stands.
enum Wait {
    Goes,
    Over(Outcome),
}

impl<T> Reception<T> {
    /// Waits for nothing yet.
    pub(super) fn new() -> Reception<T> {
        Reception {
            task: TaskNode { node: Node::task(), waker: Cell::new(None) },
            waiting: false,
            slot: MaybeUninit::uninit(),
            alarm: None,
            _pinned: PhantomPinned,
        }
    }

    /// Receives from `receiver`; after `Ready` it may begin anew.
    ///
    /// # Safety
    ///
    /// From the first call on `self` stays in place, until `end` has been called or a call has returned
    /// `Ready`; `receiver` is the same meanwhile.
    pub(super) unsafe fn poll(
        &mut self,
        receiver: &Receiver<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        match receiver.source() {
            Source::Chan(chan) => self.poll_chan(chan, cx.waker()),
            Source::Timer(timer) => self.poll_timer(timer, cx.waker()),
            Source::End(end) => self.poll_end(end, cx.waker()),
            Source::Never => Poll::Pending,
        }
    }

    /// Ends a wait that may be going on at `receiver`; the next receiver gets what was handed over meanwhile.
    pub(super) fn end(&mut self, receiver: &Receiver<T>) {
        match receiver.source() {
            Source::Chan(chan) => {
                if self.retire(&chan.core) {
                    let value = self.take();
                    chan.give_back(value);
                }
            }
            Source::Timer(timer) => {
                self.retire(timer.core());
            }
            Source::End(end) => {
                self.retire(end.first());
            }
            Source::Never => {}
        }
    }

    fn poll_chan(&mut self, chan: &Chan<T>, waker: &Waker) -> Poll<Result<T, RecvError>> {
        loop {
            if self.waiting {
                match self.look(&chan.core, waker) {
                    Wait::Goes => return Poll::Pending,
                    Wait::Over(Outcome::Done) => return Poll::Ready(Ok(self.take())),
                    Wait::Over(Outcome::Closed) => return Poll::Ready(Err(RecvError)),
                    Wait::Over(_) => {}
                }
            }
            match self.receive(chan, waker) {
                Settled::Done => return Poll::Ready(Ok(self.take())),
                Settled::Closed => return Poll::Ready(Err(RecvError)),
                Settled::NotReady => return Poll::Pending,
                Settled::Again => {}
            }
        }
    }

    /// The value that was received into the slot.
    fn take(&mut self) -> T {
        // SAFETY: the callers have been told `Done`, once.
        unsafe { self.slot.assume_init_read() }
    }

    /// Whether the wait is over; if not, `waker` is the one to wake from now on.
    fn look(&mut self, core: &Core, waker: &Waker) -> Wait {
        // Cloned before locking, and the old one dropped after: that is code of the user.
        let new = waker.clone();
        let st = core.lock();
        let outcome = self.task.node.outcome.get();
        let old =
            if outcome == Outcome::Pending { self.task.waker.replace(Some(new)) } else { None };
        drop(st);
        drop(old);
        if outcome == Outcome::Pending {
            return Wait::Goes;
        }
        self.waiting = false;
        Wait::Over(outcome)
    }

    /// Receives, or queues the node: `NotReady`.
    fn receive(&mut self, chan: &Chan<T>, waker: &Waker) -> Settled {
        self.task.node.outcome.set(Outcome::Pending);
        self.task.node.slot.set(self.slot.as_mut_ptr().cast());
        self.task.waker.set(Some(waker.clone()));
        let mut st = chan.core.lock();
        // SAFETY: locked; the slot is a place for a `T`.
        let got = unsafe { chan.recv_locked(&mut st, self.slot.as_mut_ptr()) };
        if let Got::Empty = got {
            // SAFETY: pinned, and taken out of the queue before it is dropped.
            unsafe { st.receivers.push(&raw const self.task.node) };
            chan.core.publish(&st);
            self.waiting = true;
            return Settled::NotReady;
        }
        chan.core.publish(&st);
        let section = st.unlock();
        // SAFETY: received into this slot.
        unsafe { chan.finish_recv(section, got, self.slot.as_mut_ptr()) }
    }

    fn poll_timer(&mut self, timer: &Arc<TimerCore>, waker: &Waker) -> Poll<Result<T, RecvError>> {
        loop {
            if let Settled::Done =
                TimerCore::settle(timer.try_take(), self.slot.as_mut_ptr().cast())
            {
                self.retire(timer.core());
                return Poll::Ready(Ok(self.take()));
            }
            if self.waiting && matches!(self.look(timer.core(), waker), Wait::Goes) {
                return Poll::Pending;
            }
            self.task.node.outcome.set(Outcome::Pending);
            self.task.waker.set(Some(waker.clone()));
            let mut st = timer.core().lock();
            // SAFETY: pinned, and taken out of the queue before it is dropped.
            unsafe { st.receivers.push(&raw const self.task.node) };
            timer.core().publish(&st);
            drop(st);
            self.waiting = true;
            // From now on a reset wakes; the tick itself needs an alarm. Then look again: it may be late.
            self.set_alarm(timer);
        }
    }

    fn poll_end(&mut self, end: &End, waker: &Waker) -> Poll<Result<T, RecvError>> {
        let core = end.first();
        loop {
            if self.waiting && matches!(self.look(core, waker), Wait::Goes) {
                return Poll::Pending;
            }
            self.task.node.outcome.set(Outcome::Pending);
            self.task.waker.set(Some(waker.clone()));
            let mut st = core.lock();
            if end.is_over() {
                return Poll::Ready(Err(RecvError));
            }
            // SAFETY: pinned, and taken out of the queue before it is dropped.
            unsafe { st.receivers.push(&raw const self.task.node) };
            core.publish(&st);
            drop(st);
            self.waiting = true;
        }
    }

    fn set_alarm(&mut self, timer: &Arc<TimerCore>) {
        let shared = Arc::clone(timer);
        let alarm =
            timer.when().map(|when| spawn_at(when, move || shared.core().wake_all(Outcome::Again)));
        if let Some(old) = std::mem::replace(&mut self.alarm, alarm) {
            old.cancel();
        }
    }

    /// Ends the wait, if there is one; true if a value was handed over meanwhile.
    fn retire(&mut self, core: &Core) -> bool {
        if let Some(alarm) = self.alarm.take() {
            alarm.cancel();
        }
        if !std::mem::take(&mut self.waiting) {
            return false;
        }
        loop {
            let mut st = core.lock();
            let outcome = self.task.node.outcome.get();
            let queued = self.task.node.is_linked();
            if queued {
                // SAFETY: linked, and only ever in this queue.
                unsafe { st.receivers.unlink(&raw const self.task.node) };
                core.publish(&st);
            }
            drop(st);
            if queued || outcome != Outcome::Pending {
                return outcome == Outcome::Done;
            }
            // Popped and yet pending: paired with a dynamic send, whose value is due any moment.
            yield_now();
        }
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        self.reception.end(self.receiver);
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFuture")
            .field("waiting", &self.reception.waiting)
            .finish_non_exhaustive()
    }
}
