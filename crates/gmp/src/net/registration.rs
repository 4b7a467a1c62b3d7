//! Any pollable descriptor, to wait for: pipes, devices, sockets of other libraries.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use gmp_netpoll::Direction;

use super::socket::Socket;

/// A descriptor registered with the runtime's poller, and kept until dropped.
pub struct Registration<S: AsFd>(Socket<S>);

impl<S: AsFd> Registration<S> {
    /// Registers a descriptor, which must be non-blocking. May allocate; neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// What the kernel has against it: regular files cannot be polled.
    pub fn new(inner: S) -> io::Result<Registration<S>> {
        Socket::new(inner).map(Registration)
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &S {
        self.0.get()
    }

    /// Ends the registration and gives the descriptor back.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }

    /// Runs `operation` until it says something else than `WouldBlock`; parks the goroutine in between.
    /// With several callers in one direction, those that wait do so in line.
    ///
    /// # Errors
    ///
    /// The operation's; `TimedOut` at the deadline; `ConnectionAborted` after [`close`](Registration::close).
    pub fn run<T>(
        &self,
        direction: Direction,
        operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.0.whole(direction, None, operation)
    }

    /// Sets the deadline of a direction, also for operations that wait.
    ///
    /// # Errors
    ///
    /// `ConnectionAborted` once closed.
    pub fn set_deadline(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(direction, deadline)
    }

    /// Wakes everybody who waits with `ConnectionAborted`, and closes the descriptor.
    pub fn close(&self) {
        self.0.close();
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Registration<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.0).finish()
    }
}
