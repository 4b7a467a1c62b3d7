//! Pipes that park: the two ends, and what they share with the pipes of child processes.
//!
//! An end is a [`Socket`] around a file: waiting, deadlines and close are the sockets'. Used by `io` and
//! `process`.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::time::Instant;

use gmp_netpoll::Direction::{Read, Write};

use crate::net::socket::Socket;
use crate::sys;

/// Sets or clears `O_NONBLOCK`, which both ends of a pipe have on their own.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = if nonblocking { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: takes no pointers.
    if wanted != flags && unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The methods and traits of one end, a newtype around `Socket<File>`.
macro_rules! end {
    ($name:ident, $direction:expr) => {
        impl $name {
            /// Sets the deadline of all operations, those that wait included; `None` lifts it.
            ///
            /// # Errors
            ///
            /// `ConnectionAborted` once closed.
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline($direction, deadline)
            }

            /// Closes this end, whoever else uses it: what waits on it fails with `ConnectionAborted`, and so
            /// does every later call. Idempotent. Neither parks nor blocks.
            pub fn close(&self) {
                self.0.close();
            }

            pub(crate) fn socket(&self) -> &Socket<File> {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let fd = &self.0.get().as_raw_fd();
                f.debug_struct(stringify!($name)).field("fd", fd).finish()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.get().as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.get().as_raw_fd()
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> $name {
                // It fails for descriptors that are none; the first operation says so.
                let _ = set_nonblocking(fd.as_fd(), true);
                $name(Socket::wrap(File::from(fd)))
            }
        }

        impl From<$name> for OwnedFd {
            fn from(end: $name) -> OwnedFd {
                let file = end.0.into_inner();
                let _ = set_nonblocking(file.as_fd(), false);
                file.into()
            }
        }

        impl From<$name> for Stdio {
            fn from(end: $name) -> Stdio {
                Stdio::from(OwnedFd::from(end))
            }
        }
    };
}

/// `Read` for the type and its reference.
macro_rules! reads {
    ($name:ident) => {
        impl io::Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                self.0.transfer(Read, buf.len(), |mut file| file.read(buf))
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let wanted = bufs.iter().map(|b| b.len()).sum();
                if wanted == 0 {
                    return Ok(0);
                }
                self.0.transfer(Read, wanted, |mut file| file.read_vectored(bufs))
            }
        }

        impl io::Read for $name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }
    };
}

/// `Write` for the type and its reference.
macro_rules! writes {
    ($name:ident) => {
        impl io::Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.transfer(Write, buf.len(), |mut file| {
                    crate::io::sigpipe::quietly(buf.len(), || file.write(buf))
                })
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let wanted = bufs.iter().map(|b| b.len()).sum();
                self.0.transfer(Write, wanted, |mut file| {
                    crate::io::sigpipe::quietly(wanted, || file.write_vectored(bufs))
                })
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl io::Write for $name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use {end, reads, writes};

/// The end of a pipe to read from. Reading is 0 when all writers are gone and the pipe is empty.
pub struct PipeReader(Socket<File>);

end!(PipeReader, Read);
reads!(PipeReader);

/// The end of a pipe to write to. Writing fails with `BrokenPipe` when all readers are gone, whatever SIGPIPE does.
pub struct PipeWriter(Socket<File>);

end!(PipeWriter, Write);
writes!(PipeWriter);

/// A pipe within the process, or to be given to a child. Neither parks nor blocks.
///
/// # Errors
///
/// When no descriptors are left.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = sys::pipe()?;
    Ok((PipeReader(Socket::new(File::from(reader))?), PipeWriter(Socket::new(File::from(writer))?)))
}

impl PipeReader {
    /// A second handle of the same end, with a deadline and `close` of its own.
    ///
    /// # Errors
    ///
    /// When no descriptors are left, or the end is closed.
    pub fn try_clone(&self) -> io::Result<PipeReader> {
        self.0.with(|file| file.try_clone()).and_then(|f| Socket::new(f).map(PipeReader))
    }
}

impl PipeWriter {
    /// A second handle of the same end, with a deadline and `close` of its own.
    ///
    /// # Errors
    ///
    /// When no descriptors are left, or the end is closed.
    pub fn try_clone(&self) -> io::Result<PipeWriter> {
        self.0.with(|file| file.try_clone()).and_then(|f| Socket::new(f).map(PipeWriter))
    }
}
