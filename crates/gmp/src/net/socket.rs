//! A registered descriptor with everything blocking code expects: waiting, deadlines, timeouts, close.
//!
//! All types of this module are a [`Socket`] around std's type of the same name, which does the system calls.
//!
//! # Life of a read
//!
//! 1. A sticky deadline that has passed fails at once, data or not.
//! 2. An edge is consumed and the system call made; what it says settles the edge (`gmp_netpoll::Source`).
//! 3. `EAGAIN`, or no edge: take the head of the line, arm, park, go to 2 when woken.
//!
//! # Close
//!
//! Closing through `&self` while others use the descriptor is where numbers get reused under a running
//! operation. Here the *number* stays reserved until the value is dropped: `close` wakes everybody and then
//! puts something in the place of the real one on which nothing can be done (`dup3` is atomic). So the real one
//! is closed at once, late operations meet the placeholder, fail, and find the flag; and a `BorrowedFd` from
//! `as_fd` is never dangling. No reference count per operation. One placeholder serves the whole process, so a
//! close needs no descriptor.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp_netpoll::{Armed, Deadline, Direction, Source, earliest};
use gmp_sched::{Claim, Lock, WaitReason, Waiter, park, park_until, yield_now};

use super::line::{self, Line, Place};
use super::poll::{self, Ended, Node, netpoll};
use crate::sys;

/// What one direction has of its own.
#[derive(Debug)]
struct Side {
    line: Lock<Line>,
    /// Sticky, absolute.
    deadline: Deadline,
    /// Per operation, in nanoseconds; 0 is none.
    timeout: AtomicU64,
}

impl Side {
    const fn new() -> Side {
        Side { line: Lock::new(Line::new()), deadline: Deadline::new(), timeout: AtomicU64::new(0) }
    }

    fn timeout(&self) -> Option<Duration> {
        // Relaxed: holds for operations that begin after the change; nothing is published with it.
        let nanos = self.timeout.load(Ordering::Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }
}

/// A descriptor in the poller.
pub(crate) struct Socket<S: AsFd> {
    /// Taken out by `into_inner` and `drop` only.
    inner: ManuallyDrop<S>,
    /// The registration, or the number of the error that prevented it: conversions from std cannot fail,
    /// operations can. Taken out by `detach` only.
    source: Result<ManuallyDrop<Source<'static>>, i32>,
    sides: [Side; 2],
    closed: AtomicBool,
    nonblocking: AtomicBool,
}

impl<S: AsFd> Socket<S> {
    /// Registers a descriptor that is non-blocking already. May allocate; neither parks nor blocks.
    pub(crate) fn new(inner: S) -> io::Result<Socket<S>> {
        let socket = Socket::wrap(inner);
        match socket.source {
            Ok(_) => Ok(socket),
            Err(code) => Err(io::Error::from_raw_os_error(code)),
        }
    }

    /// As `new`; an error is kept for the first operation.
    pub(crate) fn wrap(inner: S) -> Socket<S> {
        let source = netpoll()
            // SAFETY: detached in `into_inner` and `drop`, before the descriptor is let go; `close` leaves
            // the number open.
            .and_then(|netpoll| unsafe { netpoll.attach(inner.as_fd()) })
            .map(ManuallyDrop::new)
            .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO));
        Socket {
            inner: ManuallyDrop::new(inner),
            source,
            sides: [Side::new(), Side::new()],
            closed: AtomicBool::new(false),
            nonblocking: AtomicBool::new(false),
        }
    }

    /// std's object, for options and addresses.
    pub(crate) fn get(&self) -> &S {
        &self.inner
    }

    /// Ends the registration. The descriptor stays non-blocking.
    pub(crate) fn into_inner(self) -> S {
        let mut this = ManuallyDrop::new(self);
        this.detach();
        // SAFETY: `this` is not dropped, so it is taken once.
        unsafe { ManuallyDrop::take(&mut this.inner) }
    }

    fn detach(&mut self) {
        if let Ok(source) = &mut self.source {
            // SAFETY: called once, by `into_inner` or `drop`, which exclude each other.
            let source = unsafe { ManuallyDrop::take(source) };
            // It fails after `close`, which has told the kernel already.
            let _ = source.detach(self.inner.as_fd());
        }
    }

    fn side(&self, direction: Direction) -> &Side {
        &self.sides[direction as usize]
    }

    /// An option or address of std's object; fails as everything does once closed.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        if self.is_closed() {
            return Err(aborted());
        }
        f(&self.inner).map_err(|error| self.explain(error))
    }

    /// A transfer on a byte stream: `operation` moves up to `wanted` bytes. Parks.
    #[inline]
    pub(crate) fn transfer(
        &self,
        direction: Direction,
        wanted: usize,
        operation: impl FnMut(&S) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.run(direction, None, operation, |source, outcome| match outcome {
            Ok(moved) => source.settle(direction, *moved, wanted),
            Err(_) => source.restore(direction),
        })
    }

    /// An operation that tells nothing about what is left (accept, a datagram). Parks.
    #[inline]
    pub(crate) fn whole<T>(
        &self,
        direction: Direction,
        deadline: Option<Instant>,
        operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.run(direction, deadline, operation, |source, _| source.restore(direction))
    }

    #[inline]
    fn run<T>(
        &self,
        direction: Direction,
        deadline: Option<Instant>,
        mut operation: impl FnMut(&S) -> io::Result<T>,
        settle: impl Fn(&Source<'static>, &io::Result<T>) -> Option<NonNull<()>>,
    ) -> io::Result<T> {
        let source = match &self.source {
            Ok(source) => source,
            Err(code) => return Err(io::Error::from_raw_os_error(*code)),
        };
        if self.side(direction).deadline.get().is_some_and(|at| at <= Instant::now()) {
            return Err(if self.is_closed() { aborted() } else { timed_out() });
        }
        let mut wait = Wait { place: None, deadline, timeout_counted: false };
        let mut woken = false;
        loop {
            if woken || source.consume(direction) {
                match operation(&self.inner) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => {
                        wake(settle(source, &outcome));
                        return outcome.map_err(|error| self.explain(error));
                    }
                }
            }
            woken = self.wait(source, direction, &mut wait)?;
        }
    }

    /// Waits for an edge. True: it is ours, try; false: look again.
    #[cold]
    fn wait<'a>(
        &'a self,
        source: &'a Source<'static>,
        direction: Direction,
        wait: &mut Wait<'a>,
    ) -> io::Result<bool> {
        let side = self.side(direction);
        if self.is_closed() {
            return Err(aborted());
        }
        // Relaxed: holds for operations that begin after the change.
        if self.nonblocking.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !wait.timeout_counted {
            wait.timeout_counted = true;
            let end = side.timeout().and_then(|t| Instant::now().checked_add(t));
            wait.deadline = earliest(wait.deadline, end);
        }
        let deadline = earliest(wait.deadline, side.deadline.get());
        if deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(timed_out());
        }
        if wait.place.is_none() {
            wait.place = Place::take(&side.line, deadline)?;
            if wait.place.is_none() || deadline.is_some() {
                // Queueing took time, and deadlines may have changed meanwhile.
                return Ok(false);
            }
        }
        let waiter = Waiter::current();
        if is_thread(waiter) {
            return self.wait_as_thread(source, direction, deadline);
        }
        let node = Node::goroutine(waiter);
        let (raw, arm) = (node.as_raw(), source.arm_in(direction));
        let guard = side.line.lock();
        let commit = move || {
            if arm.arm(raw) != Armed::Waiting {
                // SAFETY: the node's owner takes the line's lock, which is held, before it lets it go, or
                // waits for `ready` below.
                let node = unsafe { raw.cast::<Node>().as_ref() };
                if let Some(waiter) = node.not_armed() {
                    // SAFETY: claimed, so this is the one `ready` of this park.
                    unsafe { waiter.ready() };
                }
            }
            drop(guard);
        };
        match deadline {
            // SAFETY: `waiter` is the caller; who takes the node out of the word readies it once.
            None => unsafe { park(waiter, WaitReason::IoWait, commit) },
            // SAFETY: as above, and `Node::take` claims first.
            Some(at) => unsafe { park_until(waiter, WaitReason::IoWait, at, node.claim(), commit) },
        }
        if node.claim().winner() != Claim::TIMED_OUT {
            return Ok(true);
        }
        // After this the commit is over: it holds the lock until then.
        drop(side.line.lock());
        if node.was_armed() && !source.disarm(direction, raw) {
            // Somebody took the node out and is about to find that it came too late.
            while !node.is_released() {
                yield_now();
            }
            wake(source.restore(direction));
        } else if !node.was_armed() {
            wake(source.restore(direction));
        }
        Err(timed_out())
    }

    #[cold]
    fn wait_as_thread(
        &self,
        source: &Source<'static>,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let ended = poll::block_thread(
            self.inner.as_fd().as_raw_fd(),
            direction,
            deadline,
            |node| source.arm(direction, node.as_raw()) == Armed::Waiting,
            |node| source.disarm(direction, node.as_raw()),
        )?;
        if ended == Ended::TimedOut { Err(timed_out()) } else { Ok(true) }
    }

    /// Waits until `until`, although an operation may be possible: it has failed for a reason that time cures.
    /// Ends early for a new edge. Parks; close and a sticky deadline end it.
    pub(crate) fn pause(&self, direction: Direction, until: Instant) -> io::Result<()> {
        let Ok(source) = &self.source else { return Ok(()) };
        // The failed attempt has put it back; it is put back again below.
        source.consume(direction);
        let mut wait = Wait { place: None, deadline: Some(until), timeout_counted: true };
        let outcome = loop {
            match self.wait(source, direction, &mut wait) {
                Ok(true) => break Ok(()),
                Ok(false) => {}
                Err(e) if e.kind() == io::ErrorKind::TimedOut && Instant::now() >= until => {
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        drop(wait);
        wake(source.restore(direction));
        outcome
    }

    /// Sets the deadline of all operations in a direction, those that wait included.
    pub(crate) fn set_deadline(
        &self,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        if self.is_closed() {
            return Err(aborted());
        }
        self.side(direction).deadline.set(deadline);
        let Ok(source) = &self.source else { return Ok(()) };
        line::kick(&self.side(direction).line);
        wake(source.kick(direction));
        Ok(())
    }

    /// Sets how long each operation that begins from now on may wait.
    pub(crate) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let nanos = match timeout {
            Some(Duration::ZERO) => return Err(io::ErrorKind::InvalidInput.into()),
            Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
            None => 0,
        };
        // Relaxed: see `Side::timeout`.
        self.side(direction).timeout.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// What `set_timeout` has set.
    pub(crate) fn timeout(&self, direction: Direction) -> Option<Duration> {
        self.side(direction).timeout()
    }

    /// Whether operations that would wait fail with `WouldBlock` instead.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        // Relaxed: see `wait`.
        self.nonblocking.store(nonblocking, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        // Acquire: pairs with Release in `close`; an error that the placeholder caused is explained by it.
        self.closed.load(Ordering::Acquire)
    }

    /// What an operation's error means: the placeholder's are those of a closed socket.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.is_closed() { aborted() } else { error }
    }

    /// Closes the descriptor, wakes everybody who waits for it. The first call does, the others nothing.
    pub(crate) fn close(&self) {
        // AcqRel: Release pairs with Acquire in `is_closed`; one caller closes.
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Ok(source) = &self.source {
            for direction in [Direction::Read, Direction::Write] {
                line::close(&self.side(direction).line);
                wake(source.close(direction));
            }
            // It fails if the kernel has forgotten the descriptor already.
            let _ = source.mute(self.inner.as_fd());
        }
        if sys::replace_by_nothing(self.inner.as_fd()).is_err() {
            // No descriptor left for a placeholder: the peer learns of the end, the rest happens at drop.
            // SAFETY: takes no pointers.
            unsafe { libc::shutdown(self.inner.as_fd().as_raw_fd(), libc::SHUT_RDWR) };
        }
    }
}

impl<S: AsFd> Drop for Socket<S> {
    fn drop(&mut self) {
        self.detach();
        // SAFETY: `drop` runs once, and not after `into_inner`.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.inner).fmt(f)
    }
}

/// What a waiting operation keeps from one wait to the next.
struct Wait<'a> {
    place: Option<Place<'a>>,
    /// Of this operation: what the caller gave, later also the timeout.
    deadline: Option<Instant>,
    timeout_counted: bool,
}

/// Wakes what a method of `Source` has handed out.
#[inline]
fn wake(handed_out: Option<NonNull<()>>) {
    if let Some(raw) = handed_out {
        // SAFETY: it came out of the word, to this caller.
        unsafe { Node::wake(raw) };
    }
}

/// Whether the party blocks its thread: bit 0 of a waiter's word.
fn is_thread(waiter: Waiter) -> bool {
    waiter.into_raw().addr().get() & 1 != 0
}

pub(crate) fn aborted() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
