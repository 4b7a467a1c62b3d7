//! What all socket types share word for word: descriptor traits, conversions, deadlines, close.

/// The traits and methods of a newtype around `Socket<$std>`.
macro_rules! common {
    ($name:ident, $std:ty) => {
        impl $name {
            /// Around std's object, which is non-blocking already.
            pub(super) fn of(inner: $std) -> io::Result<$name> {
                Socket::new(inner).map($name)
            }

            /// Closes the socket, whoever else uses it: what waits on it fails with `ConnectionAborted`, and so
            /// does every later call. Idempotent. Neither parks nor blocks.
            pub fn close(&self) {
                self.0.close();
            }

            /// A second handle of the same socket, with deadlines, timeouts and `close` of its own.
            ///
            /// # Errors
            ///
            /// When no descriptors are left, or the socket is closed.
            pub fn try_clone(&self) -> io::Result<$name> {
                self.0.with(|s| s.try_clone()).and_then($name::of)
            }

            /// The pending error of the socket, which is cleared.
            ///
            /// # Errors
            ///
            /// When the socket is closed.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.with(|s| s.take_error())
            }

            /// Whether calls that would wait fail with `WouldBlock` instead.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
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

        impl IntoRawFd for $name {
            fn into_raw_fd(self) -> RawFd {
                <$std>::from(self).into_raw_fd()
            }
        }

        impl FromRawFd for $name {
            unsafe fn from_raw_fd(fd: RawFd) -> $name {
                // SAFETY: passed on.
                $name::from(unsafe { <$std>::from_raw_fd(fd) })
            }
        }

        impl From<$std> for $name {
            fn from(inner: $std) -> $name {
                // It fails for descriptors that are none; the first operation says so.
                let _ = inner.set_nonblocking(true);
                $name(Socket::wrap(inner))
            }
        }

        impl From<$name> for $std {
            fn from(socket: $name) -> $std {
                let inner = socket.0.into_inner();
                let _ = inner.set_nonblocking(false);
                inner
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> $name {
                $name::from(<$std>::from(fd))
            }
        }

        impl From<$name> for OwnedFd {
            fn from(socket: $name) -> OwnedFd {
                <$std>::from(socket).into()
            }
        }
    };
}

/// Making one of what std's constructors give.
macro_rules! adopt {
    ($name:ident, $std:ty) => {
        impl $name {
            /// Around std's object, which becomes non-blocking.
            fn adopt(inner: $std) -> io::Result<$name> {
                inner.set_nonblocking(true)?;
                $name::of(inner)
            }
        }
    };
}

/// Deadlines and timeouts of types that read and write.
macro_rules! timed {
    ($name:ident) => {
        impl $name {
            /// Sets both deadlines. What waits obeys too.
            ///
            /// # Errors
            ///
            /// `ConnectionAborted` once closed.
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Read, deadline)?;
                self.0.set_deadline(Write, deadline)
            }

            /// Sets the deadline of receiving; `None` lifts it.
            ///
            /// # Errors
            ///
            /// `ConnectionAborted` once closed.
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Read, deadline)
            }

            /// Sets the deadline of sending; `None` lifts it.
            ///
            /// # Errors
            ///
            /// `ConnectionAborted` once closed.
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Write, deadline)
            }

            /// How long each receive that begins from now on may wait.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for zero, as in std.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Read, timeout)
            }

            /// How long each send that begins from now on may wait.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for zero, as in std.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Write, timeout)
            }

            /// What [`set_read_timeout`](Self::set_read_timeout) has set.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Read))
            }

            /// What [`set_write_timeout`](Self::set_write_timeout) has set.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Write))
            }
        }
    };
}

/// `Read` and `Write` for the type and its reference.
macro_rules! stream {
    ($name:ident, $std:ty) => {
        impl $name {
            /// For copying in the kernel.
            pub(crate) fn socket(&self) -> &Socket<$std> {
                &self.0
            }
        }

        impl io::Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                self.0.transfer(Read, buf.len(), |mut s| s.read(buf))
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let wanted = bufs.iter().map(|b| b.len()).sum();
                if wanted == 0 {
                    return Ok(0);
                }
                self.0.transfer(Read, wanted, |mut s| s.read_vectored(bufs))
            }
        }

        impl io::Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                // Not `write`: that raises SIGPIPE in programs that have set its default action.
                self.0.transfer(Write, buf.len(), |s| {
                    socket2::SockRef::from(s).send_with_flags(buf, sys::SEND)
                })
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let wanted = bufs.iter().map(|b| b.len()).sum();
                self.0.transfer(Write, wanted, |s| {
                    socket2::SockRef::from(s).send_vectored_with_flags(bufs, sys::SEND)
                })
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
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

/// Methods that are std's, on std's object: `name(args) -> type`.
macro_rules! delegate {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// The system's, and `ConnectionAborted` once closed.
            pub fn $name(&self, $($arg: $ty),*) -> io::Result<$out> {
                self.0.with(|s| s.$name($($arg),*))
            }
        )*
    };
}

pub(super) use {adopt, common, delegate, stream, timed};
