//! Unix sockets: streams, listeners, datagrams. Addresses are std's, abstract ones included.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read, Write};

use super::convert::{common, delegate, stream, timed};
use super::socket::Socket;

/// A connected Unix stream socket.
pub struct UnixStream(Socket<net::UnixStream>);

common!(UnixStream, net::UnixStream);
timed!(UnixStream);
stream!(UnixStream, net::UnixStream);

impl UnixStream {
    /// Connects to the socket at `path`. Blocks the thread, declared, while the listener's queue is full:
    /// a Unix connect has no "in progress" to park on.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::adopt(gmp_sched::blocking(|| net::UnixStream::connect(path))?)
    }

    /// As `connect`, to an address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::adopt(gmp_sched::blocking(|| net::UnixStream::connect_addr(address))?)
    }

    /// Two streams, connected to each other.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = net::UnixStream::pair()?;
        Ok((UnixStream::adopt(a)?, UnixStream::adopt(b)?))
    }

    delegate! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our address.
        local_addr() -> SocketAddr;
        /// Ends reading, writing, or both; whoever waits for it is woken.
        shutdown(how: Shutdown) -> ();
    }
}

/// A Unix socket that waits for connections.
pub struct UnixListener(Socket<net::UnixListener>);

common!(UnixListener, net::UnixListener);

impl UnixListener {
    /// Listens at `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::adopt(net::UnixListener::bind(path)?)
    }

    /// As `bind`, on an address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::adopt(net::UnixListener::bind_addr(address)?)
    }

    /// The next connection. Parks.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, address) = self.0.whole(Read, None, |s| s.accept())?;
        Ok((UnixStream::adopt(stream)?, address))
    }

    /// The connections to come, endlessly.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// Sets the deadline of `accept`, also of one that waits.
    ///
    /// # Errors
    ///
    /// `ConnectionAborted` once closed.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Read, deadline)
    }

    delegate! {
        /// Our address.
        local_addr() -> SocketAddr;
    }
}

/// The connections of a listener; never `None`.
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

/// A Unix datagram socket.
pub struct UnixDatagram(Socket<net::UnixDatagram>);

common!(UnixDatagram, net::UnixDatagram);
timed!(UnixDatagram);

impl UnixDatagram {
    /// Binds `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        UnixDatagram::adopt(net::UnixDatagram::bind(path)?)
    }

    /// A socket without an address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::adopt(net::UnixDatagram::unbound()?)
    }

    /// Two sockets, connected to each other.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram::adopt(a)?, UnixDatagram::adopt(b)?))
    }

    /// Fixes the peer.
    ///
    /// # Errors
    ///
    /// The system's; `ConnectionAborted` once closed.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.with(|s| s.connect(path))
    }

    /// The next datagram, as far as it fits, and who sent it. Parks.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.whole(Read, None, |s| s.recv_from(buf))
    }

    /// The next datagram, as far as it fits. Parks.
    ///
    /// # Errors
    ///
    /// As for `recv_from`.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.whole(Read, None, |s| s.recv(buf))
    }

    /// Sends a datagram to `path`. Parks while the peer's buffer is full.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let path = path.as_ref();
        self.0.whole(Write, None, |s| s.send_to(buf, path))
    }

    /// Sends a datagram to the peer. Parks while its buffer is full.
    ///
    /// # Errors
    ///
    /// As for `send_to`.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.whole(Write, None, |s| s.send(buf))
    }

    delegate! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our address.
        local_addr() -> SocketAddr;
        /// Ends receiving, sending, or both; whoever waits for it is woken.
        shutdown(how: Shutdown) -> ();
    }
}
