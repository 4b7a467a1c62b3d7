//! Standard output and standard error: std's buffers behind a lock of goroutines.
//!
//! Bytes go through std's own handles, whose buffer `println!` shares and std flushes at exit. What is added:
//! those who wait for their turn park instead of blocking a thread each, a lock stays with its goroutine, and
//! the write itself is a declared blocking section, because a pipe that nobody reads blocks it for ever.
//!
//! The road not taken is non-blocking descriptors on the poller: 1 and 2 are usually shared with the shell and
//! other processes, which would meet `EAGAIN`.

use std::io::{self, IoSlice, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use gmp_sched::blocking;

use super::reentrant::{Held, Reentrant};

/// A stream, its lock, and the writing to std's handle of the same name.
macro_rules! stream {
    ($name:ident, $lock:ident, $function:ident, $what:literal) => {
        #[doc = concat!("The process's standard ", $what, "; all handles are the same stream.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name(());

        #[doc = concat!("The standard ", $what, ", locked by this goroutine or thread until dropped. It can")]
        /// be held while parked; it cannot be sent to another.
        #[derive(Debug)]
        #[must_use = "the lock is given back when this is dropped"]
        pub struct $lock {
            #[expect(dead_code, reason = "its drop is what counts")]
            held: Held,
        }

        #[doc = concat!("The process's standard ", $what, ". Neither parks nor blocks.")]
        pub fn $function() -> $name {
            $name(())
        }

        impl $name {
            /// Keeps others from writing in between; `println!` and its kin do not know this lock. Can be taken
            /// again by who has it. Parks while somebody else does.
            pub fn lock(&self) -> $lock {
                static LOCK: Reentrant = Reentrant::new();
                $lock { held: LOCK.lock() }
            }

            /// Whether it is a terminal. Neither parks nor blocks.
            pub fn is_terminal(&self) -> bool {
                io::$function().is_terminal()
            }
        }

        impl Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.lock().write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.lock().write_vectored(bufs)
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.lock().write_all(buf)
            }

            fn write_fmt(&mut self, args: std::fmt::Arguments<'_>) -> io::Result<()> {
                self.lock().write_fmt(args)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.lock().flush()
            }
        }

        impl Write for $name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                (&*self).write_all(buf)
            }

            fn write_fmt(&mut self, args: std::fmt::Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(args)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&*self).flush()
            }
        }

        impl Write for $lock {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                blocking(|| io::$function().write(buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                blocking(|| io::$function().write_vectored(bufs))
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                blocking(|| io::$function().write_all(buf))
            }

            fn flush(&mut self) -> io::Result<()> {
                blocking(|| io::$function().flush())
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: std, too, takes it for open as long as the process lives.
                unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                io::$function().as_raw_fd()
            }
        }
    };
}

stream!(Stdout, StdoutLock, stdout, "output");
stream!(Stderr, StderrLock, stderr, "error");
