//! Dials that end with a context.
//!
//! A connection attempt parks on its socket. A context that ends must reach it there, so a function is left with
//! the context that gives the socket a deadline which has passed, as Go does. Used by `tcp.rs` and `unix.rs`.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use gmp_netpoll::Direction;
use gmp_sched::yield_now;

use super::socket::Socket;
use crate::context::{Context, ContextError};

/// Fails when the context is over.
pub(super) fn not_over(context: &Context) -> io::Result<()> {
    context.err().map_or(Ok(()), |error| Err(over(error)))
}

fn over(error: ContextError) -> io::Error {
    let kind = match error {
        ContextError::Canceled => io::ErrorKind::ConnectionAborted,
        ContextError::DeadlineExceeded => io::ErrorKind::TimedOut,
    };
    io::Error::new(kind, error)
}

fn has_passed(context: &Context) -> bool {
    context.deadline().is_some_and(|at| at <= Instant::now())
}

/// Runs `attempt` on `stream`, which waits for its write direction, until the context is over. Parks.
pub(super) fn until_over<T, S>(
    context: &Context,
    stream: T,
    socket: impl Fn(&T) -> &Socket<S> + Send + 'static,
    attempt: impl FnOnce(&T) -> io::Result<()>,
) -> io::Result<T>
where
    T: Send + Sync + 'static,
    S: AsFd,
{
    let mut shared = Arc::new(stream);
    let (ours, end) = (Arc::clone(&shared), Instant::now());
    let stop = context.after_func(move || {
        // It fails for a socket that is closed, which waits for nothing.
        let _ = socket(&ours).set_deadline(Direction::Write, Some(end));
    });
    let outcome = attempt(&shared);
    stop.stop();
    let stream = loop {
        match Arc::try_unwrap(shared) {
            Ok(stream) => break stream,
            // The function has been started and is about to end.
            Err(still) => shared = still,
        }
        yield_now();
    };
    // Over by now: the socket may have got the deadline, so it is not given out, connected or not.
    not_over(context)?;
    match outcome {
        Ok(()) => Ok(stream),
        // The attempt knows the context's deadline, too, and may be the first to see it pass.
        Err(error) if error.kind() == io::ErrorKind::TimedOut && has_passed(context) => {
            Err(over(ContextError::DeadlineExceeded))
        }
        Err(error) => Err(error),
    }
}
