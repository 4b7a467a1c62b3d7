//! TCP: streams and listeners.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read, Write};
use socket2::{Domain, Protocol, SockRef, Type};

use super::convert::{common, delegate, stream, timed};
use super::dial;
use super::resolve::each_address;
use super::socket::Socket;
use crate::context::Context;
use crate::sys;

/// A TCP connection.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::net::{TcpListener, TcpStream};
/// use std::io::{ErrorKind, Read};
/// use std::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut stream = TcpStream::connect(listener.local_addr()?)?;
/// stream.set_deadline(Some(gmp::time::now() + Duration::from_millis(2)))?;
/// let late = stream.read(&mut [0; 16]).unwrap_err(); // nobody writes
/// assert_eq!(late.kind(), ErrorKind::TimedOut);
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
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

    /// As `connect`, until `context` is over; its deadline is divided among nothing, so the first address may
    /// use it up. Parks. A name is looked up to the end even if the context ends meanwhile. Outside a runtime
    /// only the context's deadline ends a wait, a cancellation is noticed before and after it.
    ///
    /// # Errors
    ///
    /// The context's, as the source of a `ConnectionAborted` (cancelled) or `TimedOut` (its deadline); the
    /// resolver's, or the last attempt's.
    pub fn connect_context<A: ToSocketAddrs>(
        context: &Context,
        address: A,
    ) -> io::Result<TcpStream> {
        dial::not_over(context)?;
        each_address(address, |address| {
            dial::not_over(context)?;
            let stream = TcpStream::begin(&address)?;
            dial::until_over(context, stream, TcpStream::socket, |stream| stream.finish(None))
        })
    }

    fn connect_until(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
        let stream = TcpStream::begin(address)?;
        stream.finish(deadline)?;
        Ok(stream)
    }

    /// A connection that may still be in progress.
    fn begin(address: &SocketAddr) -> io::Result<TcpStream> {
        let socket = tcp_socket(address)?;
        match socket.connect(&(*address).into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        Ok(TcpStream(Socket::new(net::TcpStream::from(socket))?))
    }

    /// Waits until it is connected, or cannot be.
    fn finish(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.whole(Write, deadline, |s| match s.take_error()? {
            Some(error) => Err(error),
            None => match s.peer_addr() {
                // Neither failed nor connected yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                outcome => outcome.map(|_| ()),
            },
        })
    }

    /// How long closing waits for unsent data to be acknowledged (`SO_LINGER`); zero resets the connection.
    ///
    /// # Errors
    ///
    /// The system's, and `ConnectionAborted` once closed.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.0.with(|s| SockRef::from(s).set_linger(linger))
    }

    /// See [`set_linger`](Self::set_linger).
    ///
    /// # Errors
    ///
    /// The system's, and `ConnectionAborted` once closed.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.0.with(|s| SockRef::from(s).linger())
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

/// A non-blocking socket. What is accepted from it inherits `TCP_NODELAY` on Linux and the BSDs, for free.
pub(super) fn tcp_socket(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}
