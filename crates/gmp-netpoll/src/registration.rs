//! A registered descriptor, as plain threads use it: wait for it, or run an operation until it succeeds.
//!
//! Threads that wait poll for each other (`turn.rs`), so no thread beyond the program's own is needed.
//! A poller that is served by a scheduler should not be used this way too: the chair holds one.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::deadline::{Deadline, earliest};
use crate::desc::{Armed, Direction};
use crate::poller::Netpoll;
use crate::source::Source;
use crate::waiter::ThreadWaiter;

/// A descriptor and its place in the poller. Dropping it ends the registration, then drops the descriptor.
///
/// At most one thread waits in each direction at a time.
#[derive(Debug)]
pub struct Registration<'p, S: AsFd> {
    netpoll: &'p Netpoll,
    /// Taken out in `drop` only.
    source: ManuallyDrop<Source<'p>>,
    deadlines: [Deadline; 2],
    /// Taken out in `drop` and `into_inner` only.
    inner: ManuallyDrop<S>,
}

impl<'p, S: AsFd> Registration<'p, S> {
    pub(crate) fn new(netpoll: &'p Netpoll, inner: S) -> io::Result<Registration<'p, S>> {
        // SAFETY: detached in `drop` or `into_inner`, before `inner` is let go.
        let source = ManuallyDrop::new(unsafe { netpoll.attach(inner.as_fd())? });
        let inner = ManuallyDrop::new(inner);
        Ok(Registration { netpoll, source, deadlines: Default::default(), inner })
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Ends the registration and gives the descriptor back.
    pub fn into_inner(self) -> S {
        let mut this = ManuallyDrop::new(self);
        this.detach();
        // SAFETY: `this` is never dropped, so the descriptor is taken once.
        unsafe { ManuallyDrop::take(&mut this.inner) }
    }

    fn detach(&mut self) {
        // SAFETY: called once, by `drop` or by `into_inner`, after which `drop` does not run.
        let source = unsafe { ManuallyDrop::take(&mut self.source) };
        // It fails only if the descriptor was closed behind our back; the kernel has forgotten it then.
        let _ = source.detach(self.inner.as_fd());
    }

    /// Blocks the thread until the direction is ready, and consumes that: an operation that leaves
    /// something behind says so with [`restore`](Registration::restore). May return early, with nothing
    /// ready: the operation decides.
    ///
    /// # Errors
    ///
    /// `TimedOut` at `deadline` or the deadline that was [set](Registration::set_deadline), never before;
    /// `ConnectionAborted` after [`close`](Registration::close).
    pub fn wait(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
        let deadline = earliest(deadline, self.deadlines[direction as usize].get());
        if deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let waiter = ThreadWaiter::current();
        match self.source.arm(direction, waiter.as_raw()) {
            Armed::Ready => return Ok(()),
            Armed::Closed => return Err(io::ErrorKind::ConnectionAborted.into()),
            Armed::Waiting => {}
        }
        let outcome = self.netpoll.block(&waiter, deadline);
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if !self.source.disarm(direction, waiter.as_raw()) {
            // Somebody took the waiter just now and is about to wake it.
            while !waiter.is_woken() {
                waiter.park(None);
            }
            return Ok(());
        }
        outcome.and(Err(io::ErrorKind::TimedOut.into()))
    }

    /// The operation left something behind: the next wait ends at once.
    pub fn restore(&self, direction: Direction) {
        let foreign = self.source.restore(direction);
        debug_assert!(foreign.is_none(), "only threads of ours wait on a Registration");
    }

    /// Runs `operation` until it says something else than `WouldBlock`, waiting in between. Blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// The operation's, and those of [`wait`](Registration::wait).
    pub fn run<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            self.wait(direction, None)?;
            match operation(&self.inner) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    self.restore(direction);
                    return outcome;
                }
            }
        }
    }

    /// Sets the deadline of a direction for this and all later waits, until changed. A wait that goes on
    /// obeys it too. Neither parks nor blocks.
    pub fn set_deadline(&self, direction: Direction, deadline: Option<Instant>) {
        self.deadlines[direction as usize].set(deadline);
        let foreign = self.source.kick(direction);
        debug_assert!(foreign.is_none(), "only threads of ours wait on a Registration");
    }

    /// Ends all waits, those that go on and those to come, with `ConnectionAborted`. The descriptor stays
    /// open until the registration is dropped.
    pub fn close(&self) {
        for direction in [Direction::Read, Direction::Write] {
            let foreign = self.source.close(direction);
            debug_assert!(foreign.is_none(), "only threads of ours wait on a Registration");
        }
    }
}

impl<S: AsFd> Drop for Registration<'_, S> {
    fn drop(&mut self) {
        self.detach();
        // SAFETY: `drop` runs once, and `into_inner` prevents it.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}
