//! Unix sockets: streams, listeners, datagrams. Addresses are std's, abstract ones included.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read, Write};

use super::convert::{adopt, common, delegate, stream, timed};
use super::dial;
use super::listener::accept;
use super::socket::Socket;
use crate::context::Context;
use crate::sys;

/// A connected Unix stream socket.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::io::{Read, Write};
///
/// let (mut a, mut b) = gmp::net::UnixStream::pair()?;
/// let reader = gmp::go(move || {
///     let mut text = String::new();
///     b.read_to_string(&mut text).map(|_| text)
/// });
/// a.write_all(b"down the line")?;
/// drop(a);
/// assert_eq!(reader.join().unwrap()?, "down the line");
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub struct UnixStream(Socket<net::UnixStream>);

common!(UnixStream, net::UnixStream);
adopt!(UnixStream, net::UnixStream);
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

    /// As `connect`, until `context` is over. Parks: while the listener's queue is full it asks again, first
    /// after 1 ms and at most every 50 ms.
    ///
    /// # Errors
    ///
    /// The context's, as the source of a `ConnectionAborted` (cancelled) or `TimedOut` (its deadline); the
    /// system's.
    pub fn connect_context<P: AsRef<Path>>(context: &Context, path: P) -> io::Result<UnixStream> {
        let address = socket2::SockAddr::unix(path)?;
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let mut pause = Duration::from_millis(1);
        loop {
            dial::not_over(context)?;
            match socket.connect(&address) {
                Ok(()) => return UnixStream::of(net::UnixStream::from(OwnedFd::from(socket))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Ends early when the context does.
                    let _ = context.done().recv_timeout(pause);
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                Err(error) => return Err(error),
            }
        }
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
adopt!(UnixListener, net::UnixListener);

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

    /// The next connection. Parks. Patient without descriptors, as
    /// [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, address) = accept(&self.0, net::UnixListener::accept)?;
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

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
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
adopt!(UnixDatagram, net::UnixDatagram);
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

    /// As `bind`, on an address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::adopt(net::UnixDatagram::bind_addr(address)?)
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

    /// As `connect`, to an address.
    ///
    /// # Errors
    ///
    /// The system's; `ConnectionAborted` once closed.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.0.with(|s| s.connect_addr(address))
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

    /// As `send_to`, to an address.
    ///
    /// # Errors
    ///
    /// As for `send_to`.
    pub fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.0.whole(Write, None, |s| s.send_to_addr(buf, address))
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
