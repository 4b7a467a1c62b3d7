//! Other Unix systems: what POSIX has; the rest is done without.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

use socket2::{Domain, SockAddr, Socket, Type};

/// std and socket2 make sockets with `SO_NOSIGPIPE` where there is no flag for each send.
pub(crate) const SEND: libc::c_int = 0;

/// There is none: waiting for a child blocks its thread.
pub(crate) fn exit_descriptor(_: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A pipe: the end to read from, the end to write to. A child that is spawned at this very moment may inherit
/// the ends: there is no atomic way on macOS.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    let reader = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: as above.
    let writer = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    for end in [&reader, &writer] {
        // SAFETY: takes no pointers.
        if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: takes no pointers.
        if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok((reader, writer))
}

/// Takes `signal` if it is pending, for this thread or the process. It is blocked here and alone in `only`.
///
/// `sigwait` waits, and what is pending for the process may be another thread's at any time. So the signal is sent to this
/// thread first, where it stays until `sigwait` takes it or the process's. Which of the two it takes is the system's affair. If
/// it is the process's, a second round takes the thread's, and nothing is left. If it is the thread's, more rounds would take
/// that for ever: the process's stays pending, as it does while no thread has it unblocked.
pub(crate) fn take_signal(signal: libc::c_int, only: &libc::sigset_t) {
    const ROUNDS: usize = 2;
    for _ in 0..ROUNDS {
        let mut pending = *only;
        // SAFETY: a set to be filled.
        unsafe { libc::sigpending(&raw mut pending) };
        // SAFETY: an initialised set.
        if unsafe { libc::sigismember(&raw const pending, signal) } != 1 {
            return;
        }
        // SAFETY: has no preconditions.
        let this = unsafe { libc::pthread_self() };
        // SAFETY: a thread that is there, a signal that exists and is blocked.
        if unsafe { libc::pthread_kill(this, signal) } != 0 {
            return;
        }
        let mut number = 0;
        // SAFETY: a set and a number that outlive the call; returns, since the signal is pending for this very thread.
        unsafe { libc::sigwait(only, &raw mut number) };
    }
}

/// There is none.
pub(crate) fn splice(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> Option<io::Result<usize>> {
    None
}

/// Each system's `sendfile` is another; none is used.
pub(crate) fn send_file(
    _: BorrowedFd<'_>,
    _: BorrowedFd<'_>,
    _: usize,
) -> Option<io::Result<usize>> {
    None
}

/// Where the calling thread's error number is. Async-signal-safe.
pub(crate) fn errno() -> *mut libc::c_int {
    // SAFETY: has no preconditions.
    unsafe { libc::__error() }
}

/// The next connection, non-blocking and closed on exec, and who it is.
///
/// # Errors
///
/// The system's.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let (accepted, address) = socket2::SockRef::from(&fd).accept()?;
    accepted.set_nonblocking(true)?;
    Ok((accepted.into(), address))
}

/// Closes what has this number; the number stays taken, by an unconnected socket.
///
/// # Errors
///
/// When the process has no descriptors left at its first call.
pub(crate) fn replace_by_nothing(fd: BorrowedFd<'_>) -> io::Result<()> {
    static NOTHING: OnceLock<Socket> = OnceLock::new();
    let nothing = match NOTHING.get() {
        Some(nothing) => nothing,
        None => {
            let made = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            NOTHING.get_or_init(|| made)
        }
    };
    // SAFETY: both are open. The number keeps its owner, which will close the placeholder.
    if unsafe { libc::dup2(nothing.as_raw_fd(), fd.as_raw_fd()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes no pointers. A child that is spawned right now may inherit the placeholder: harmless.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    Ok(())
}
