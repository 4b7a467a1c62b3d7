//! The kernel side of a wake-up on Linux: an eventfd that is never read.
//!
//! Edge-triggered, every write is an edge of its own, whatever the counter says, so there is nothing to
//! drain: a wake-up costs one `write`, and no `read`. The counter would overflow after 2⁶⁴ writes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

/// The eventfd.
#[derive(Debug)]
pub(super) struct WakeFd(File);

impl WakeFd {
    /// Opens it.
    pub(super) fn new() -> io::Result<WakeFd> {
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(WakeFd(unsafe { File::from_raw_fd(fd) }))
    }

    /// Sends one edge. Neither parks, blocks nor allocates.
    pub(super) fn send(&self) {
        // A write of one to a non-blocking eventfd fails only at overflow, and then an edge is pending.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }
}

impl AsRawFd for WakeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
