//! Linux: pidfd, pipe2, splice, sendfile, accept4, and a descriptor that is good for nothing.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;

use socket2::SockAddr;

/// For sends on streams: a peer that is gone is an error, not a signal.
pub(crate) const SEND: libc::c_int = libc::MSG_NOSIGNAL;

/// A descriptor that becomes readable when the child `pid`, which nobody has waited for yet, has ended.
///
/// # Errors
///
/// `ENOSYS` before Linux 5.3, or no descriptors left.
pub(crate) fn exit_descriptor(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes `signal` if it is pending, for this thread or the process. It is blocked here and alone in `only`.
pub(crate) fn take_signal(_signal: libc::c_int, only: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        // SAFETY: a set and a time that outlive the call; nobody asks for details. With no time to wait it returns at once,
        // also if another thread has been faster.
        let taken = unsafe { libc::sigtimedwait(only, ptr::null_mut(), &raw const at_once) };
        // The rest is `EAGAIN`: nothing was pending.
        if taken >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// A pipe: the end to read from, the end to write to.
///
/// # Errors
///
/// No descriptors left.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    let reader = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: as above.
    let writer = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    Ok((reader, writer))
}

/// Moves up to `limit` bytes; one of the two is a pipe. 0 is the end.
pub(crate) fn splice(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    limit: usize,
) -> Option<io::Result<usize>> {
    let (from, to, none) = (from.as_raw_fd(), to.as_raw_fd(), ptr::null_mut());
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    // SAFETY: no offsets are given.
    outcome(|| unsafe { libc::splice(from, none, to, none, limit, flags) })
}

/// Moves up to `limit` bytes from the file's position, which moves on. 0 is the end.
pub(crate) fn send_file(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    limit: usize,
) -> Option<io::Result<usize>> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: no offset is given.
    outcome(|| unsafe { libc::sendfile(to, from, ptr::null_mut(), limit) })
}

/// `None` when this pair of descriptors, or this kernel or sandbox, cannot do it.
fn outcome(call: impl Fn() -> isize) -> Option<io::Result<usize>> {
    loop {
        if let Ok(moved) = usize::try_from(call()) {
            return Some(Ok(moved));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EOPNOTSUPP) => return None,
            _ => return Some(Err(error)),
        }
    }
}

/// Where the calling thread's error number is. Async-signal-safe.
pub(crate) fn errno() -> *mut libc::c_int {
    // SAFETY: has no preconditions.
    unsafe { libc::__errno_location() }
}

/// The next connection, non-blocking and closed on exec, and who it is.
///
/// # Errors
///
/// The system's.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let accept = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
        // SAFETY: `storage` has room for `len` bytes.
        match unsafe { libc::accept4(fd.as_raw_fd(), storage.cast(), len, flags) } {
            fd @ 0.. => Ok(fd),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: `accept4` writes the address and its length.
    let (accepted, address) = unsafe { SockAddr::try_init(accept) }?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok((unsafe { OwnedFd::from_raw_fd(accepted) }, address))
}

/// Closes what has this number; the number stays taken, by an `O_PATH` descriptor, on which every operation is
/// `EBADF`. One call, and no descriptor beyond the one that the process keeps for this.
///
/// # Errors
///
/// When the process has no descriptors left at its first call.
pub(crate) fn replace_by_nothing(fd: BorrowedFd<'_>) -> io::Result<()> {
    static NOTHING: OnceLock<OwnedFd> = OnceLock::new();
    let nothing = match NOTHING.get() {
        Some(nothing) => nothing,
        None => {
            // SAFETY: a path that ends in zero.
            let made = unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
            if made < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: a new descriptor that nobody else owns.
            let made = unsafe { OwnedFd::from_raw_fd(made) };
            NOTHING.get_or_init(|| made)
        }
    };
    // SAFETY: both are open. The number keeps its owner, which will close the placeholder.
    if unsafe { libc::dup3(nothing.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
