//! A running or ended child, and how one waits for it without a thread.
//!
//! A child that has ended stays a zombie until it is waited for, so its number is not reused and a pidfd made
//! from it is that of this child. The pidfd becomes readable at the end. What is run when it does is std's
//! `try_wait`, so there is one way to reap and std keeps the status.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use gmp_netpoll::Direction;
use gmp_sched::blocking;

use super::pipes::{ChildStderr, ChildStdin, ChildStdout};
use crate::net::socket::Socket;
use crate::sys;

/// A child process. Dropping it neither kills nor waits: the child goes on, and stays a zombie at its end.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::time::Duration;
///
/// let mut child = gmp::process::Command::new("sleep").arg("60").spawn()?;
/// assert!(child.wait_timeout(Duration::from_millis(1))?.is_none());
/// child.kill()?;
/// assert!(!child.wait()?.success());
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub struct Child {
    inner: std::process::Child,
    /// Readable when the child has ended; made by the first wait that needs it.
    end: Option<Socket<OwnedFd>>,
    /// The end of its input, if it was piped.
    pub stdin: Option<ChildStdin>,
    /// Its output, if it was piped.
    pub stdout: Option<ChildStdout>,
    /// Its errors, if they were piped.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn new(mut inner: std::process::Child) -> Child {
        let stdin = inner.stdin.take().map(ChildStdin::from);
        let stdout = inner.stdout.take().map(ChildStdout::from);
        let stderr = inner.stderr.take().map(ChildStderr::from);
        Child { inner, end: None, stdin, stdout, stderr }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Kills it (SIGKILL); a child that was waited for is left alone. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner.kill()
    }

    /// Waits for its end, after closing its input. Parks.
    ///
    /// # Errors
    ///
    /// The system's: `ECHILD` when somebody else has waited for it, or SIGCHLD is ignored.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        match self.wait_until(None)? {
            Some(status) => Ok(status),
            // Only a deadline ends the wait without a status.
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Its status if it has ended. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Child::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner.try_wait()
    }

    /// As [`wait`](Child::wait), for `timeout` at most; `None` when it still runs then. The input stays open.
    ///
    /// # Errors
    ///
    /// As for `wait`; the system's, where it has no descriptor for children.
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.inner.try_wait()? {
            return Ok(Some(status));
        }
        let end = match self.end.take() {
            Some(end) => end,
            None => match sys::exit_descriptor(self.inner.id()).and_then(Socket::new) {
                Ok(end) => end,
                // An old kernel, or no descriptor left: a thread waits.
                Err(_) if deadline.is_none() => {
                    return blocking(|| self.inner.wait()).map(Some);
                }
                Err(error) => return Err(error),
            },
        };
        let inner = &mut self.inner;
        let outcome = end.whole(Direction::Read, deadline, |_| match inner.try_wait()? {
            Some(status) => Ok(status),
            None => Err(io::ErrorKind::WouldBlock.into()),
        });
        self.end = Some(end);
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Closes its input, reads its output and errors to their ends, and waits for it. Parks.
    ///
    /// # Errors
    ///
    /// Those of reading and of [`wait`](Child::wait).
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = read_both(self.stdout.take(), self.stderr.take())?;
        let status = self.wait()?;
        Ok(Output { status, stdout, stderr })
    }
}

/// Reads two pipes to their ends, together, so that a child which fills one is not stuck with the other.
fn read_both(
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (out, err) = match (stdout, stderr) {
        (Some(stdout), Some(stderr)) if gmp_sched::Current::get().is_some() => {
            let stderr = crate::go(move || drain(stderr));
            let out = drain(stdout);
            // A goroutine that reads does not panic.
            (out, stderr.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
        }
        (Some(stdout), Some(stderr)) => std::thread::scope(|scope| {
            let stderr = scope.spawn(move || drain(stderr));
            let out = drain(stdout);
            (out, stderr.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
        }),
        (stdout, stderr) => {
            (stdout.map_or(Ok(Vec::new()), drain), stderr.map_or(Ok(Vec::new()), drain))
        }
    };
    Ok((out?, err?))
}

fn drain(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl From<std::process::Child> for Child {
    fn from(inner: std::process::Child) -> Child {
        Child::new(inner)
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
