//! TCP: streams and listeners.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read, Write};
use socket2::{Domain, Protocol, Type};

use super::convert::{common, delegate, stream, timed};
use super::resolve::each_address;
use super::socket::Socket;

/// Connections that the kernel completes before `accept` takes them; it lowers this to its own
/// `somaxconn`. std's 128 makes a burst of a thousand clients wait a second for a repeated SYN.
const BACKLOG: i32 = 4096;

/// A TCP connection.
pub struct TcpStream(Socket<net::TcpStream>);

common!(TcpStream, net::TcpStream);
timed!(TcpStream);
stream!(TcpStream, net::TcpStream);

impl TcpStream {
    /// Connects to the first address of `address` that answers. Parks; a name is looked up as by
    /// [`lookup_host`](super::lookup_host).
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's.
    pub fn connect<A: ToSocketAddrs>(address: A) -> io::Result<TcpStream> {
        each_address(address, |address| TcpStream::connect_until(&address, None))
    }

    /// As `connect`, to one address, for `timeout` at most. Parks.
    ///
    /// # Errors
    ///
    /// `TimedOut`, `InvalidInput` for a timeout of zero, or what the attempt met.
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        TcpStream::connect_until(address, Instant::now().checked_add(timeout))
    }

    fn connect_until(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
        let socket = tcp_socket(address)?;
        match socket.connect(&(*address).into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream(Socket::new(net::TcpStream::from(socket))?);
        stream.0.whole(Write, deadline, |s| match s.take_error()? {
            Some(error) => Err(error),
            None => match s.peer_addr() {
                // Neither failed nor connected yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                outcome => outcome.map(|_| ()),
            },
        })?;
        Ok(stream)
    }

    /// As `read`, but the data stays. Parks.
    ///
    /// # Errors
    ///
    /// As for `read`.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.0.whole(Read, None, |s| s.peek(buf))
    }

    delegate! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our address.
        local_addr() -> SocketAddr;
        /// Ends reading, writing, or both; whoever waits for it is woken.
        shutdown(how: Shutdown) -> ();
        /// Whether small writes are sent at once (`TCP_NODELAY`; on unless changed).
        nodelay() -> bool;
        /// See [`nodelay`](Self::nodelay).
        set_nodelay(nodelay: bool) -> ();
        /// The hop limit of packets.
        ttl() -> u32;
        /// See [`ttl`](Self::ttl).
        set_ttl(ttl: u32) -> ();
    }
}

/// A TCP socket that waits for connections.
pub struct TcpListener(Socket<net::TcpListener>);

common!(TcpListener, net::TcpListener);

impl TcpListener {
    /// Listens on the first address of `address` that can be had, with `SO_REUSEADDR`. Blocks only for a
    /// name to be looked up.
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<TcpListener> {
        each_address(address, |address| {
            let socket = tcp_socket(&address)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            TcpListener::adopt(net::TcpListener::from(socket))
        })
    }

    /// The next connection. Parks. A connection that was reset before it was accepted is skipped.
    ///
    /// # Errors
    ///
    /// The system's (no descriptors left, for one); `TimedOut`; `ConnectionAborted` once closed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.0.whole(Read, None, |s| {
            loop {
                match s.accept() {
                    Err(e) if e.raw_os_error() == Some(libc::ECONNABORTED) => {}
                    outcome => return outcome,
                }
            }
        })?;
        Ok((TcpStream::adopt(stream)?, address))
    }

    /// The connections to come, endlessly.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
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
        /// The hop limit of packets.
        ttl() -> u32;
        /// See [`ttl`](Self::ttl).
        set_ttl(ttl: u32) -> ();
    }
}

/// The connections of a listener; never `None`.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

/// A non-blocking socket. What is accepted from it inherits `TCP_NODELAY` on Linux and the BSDs, for free.
fn tcp_socket(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}
