//! Linux: pidfd, pipe2, splice, sendfile.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

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
