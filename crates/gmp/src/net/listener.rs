//! Waiting for TCP connections.
//!
//! A listener, its options before it exists, and what to do when connections come that nobody can take. Users
//! meet it; `unix.rs` accepts in the same way.

use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::Read;

use super::convert::{common, delegate};
use super::resolve::each_address;
use super::socket::Socket;
use super::tcp::{TcpStream, tcp_socket};
use super::udp::{UdpSocket, udp_socket};
use crate::sys;

/// Connections that the kernel completes before `accept` takes them; it lowers this to its own
/// `somaxconn`. std's 128 makes a burst of a thousand clients wait a second for a repeated SYN.
const BACKLOG: i32 = 4096;

/// The first pause of `accept` without descriptors; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// How long `accept` pauses altogether before it reports. Long enough that a loop which logs and goes on is no
/// burden, short enough that somebody learns of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How sockets that wait for others are made, beyond what `bind` of each type does.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::net::ListenConfig;
/// let config = ListenConfig::new().reuse_port(true);
/// let one = config.listen("127.0.0.1:0").unwrap();
/// let two = config.listen(one.local_addr().unwrap()).unwrap(); // the kernel divides connections
/// # drop(two); }) };
/// ```
#[derive(Debug, Clone)]
#[must_use = "a configuration does nothing before it is used"]
pub struct ListenConfig {
    backlog: i32,
    reuse_port: bool,
    only_v6: Option<bool>,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl Default for ListenConfig {
    fn default() -> ListenConfig {
        ListenConfig::new()
    }
}

impl ListenConfig {
    /// What `bind` does: a backlog of 4096, buffers as the system has them.
    pub fn new() -> ListenConfig {
        ListenConfig {
            backlog: BACKLOG,
            reuse_port: false,
            only_v6: None,
            receive_buffer: None,
            send_buffer: None,
        }
    }

    /// Connections that the kernel completes before `accept` takes them; it lowers this to its own limit.
    pub fn backlog(mut self, connections: u32) -> ListenConfig {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Whether several sockets may have the same address (`SO_REUSEPORT`); all of them must say so.
    pub fn reuse_port(mut self, reuse: bool) -> ListenConfig {
        self.reuse_port = reuse;
        self
    }

    /// Whether an IPv6 socket is for IPv6 only; else IPv4 comes in mapped. Not said: as the system has it.
    pub fn only_v6(mut self, only: bool) -> ListenConfig {
        self.only_v6 = Some(only);
        self
    }

    /// Bytes of the receive buffer, which the system doubles and limits; accepted connections inherit it.
    pub fn receive_buffer(mut self, bytes: usize) -> ListenConfig {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Bytes of the send buffer, which the system doubles and limits; accepted connections inherit it.
    pub fn send_buffer(mut self, bytes: usize) -> ListenConfig {
        self.send_buffer = Some(bytes);
        self
    }

    /// Listens on the first address that can be had, with `SO_REUSEADDR`. Blocks only for a name to be looked
    /// up.
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's.
    pub fn listen<A: ToSocketAddrs>(&self, address: A) -> io::Result<TcpListener> {
        each_address(address, |address| {
            let socket = tcp_socket(&address)?;
            socket.set_reuse_address(true)?;
            self.apply(&socket, &address)?;
            socket.listen(self.backlog)?;
            Socket::new(net::TcpListener::from(socket)).map(TcpListener)
        })
    }

    /// A UDP socket on the first address that can be had. Blocks only for a name to be looked up.
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's.
    pub fn bind_udp<A: ToSocketAddrs>(&self, address: A) -> io::Result<UdpSocket> {
        each_address(address, |address| {
            let socket = udp_socket(&address)?;
            self.apply(&socket, &address)?;
            UdpSocket::of(net::UdpSocket::from(socket))
        })
    }

    fn apply(&self, socket: &socket2::Socket, address: &SocketAddr) -> io::Result<()> {
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if let Some(only) = self.only_v6.filter(|_| address.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(&(*address).into())
    }
}

/// Accepts with patience: skips connections that are gone already, and pauses when there is nothing to accept
/// them with. Parks.
pub(super) fn accept<S: AsFd, T>(
    socket: &Socket<S>,
    mut operation: impl FnMut(&S) -> io::Result<T>,
) -> io::Result<T> {
    let (mut pause, mut paused) = (FIRST_PAUSE, Duration::ZERO);
    loop {
        let error = match socket.whole(Read, None, &mut operation) {
            Err(error) => error,
            accepted => return accepted,
        };
        match error.raw_os_error() {
            Some(libc::ECONNABORTED | libc::EINTR) => continue,
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
                if paused < PATIENCE => {}
            _ => return Err(error),
        }
        match socket.pause(Read, Instant::now() + pause) {
            Ok(()) => (paused, pause) = (paused + pause, pause * 2),
            Err(waiting) if waiting.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(closed) => return Err(closed),
        }
    }
}

/// A TCP socket that waits for connections.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// gmp::go(move || {
///     for stream in listener.incoming() {
///         let mut stream = stream.unwrap();
///         gmp::go(move || stream.write_all(b"hello")); // a goroutine per connection
///     }
/// });
/// let mut text = String::new();
/// TcpStream::connect(address)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
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
        ListenConfig::new().listen(address)
    }

    /// The next connection. Parks. A connection that was reset before it was accepted is skipped. When the
    /// process or the system has no descriptors or memory left, it tries again for a second, with pauses that
    /// become longer, and only then fails: so a loop around `accept` neither ends nor spins.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, address) = accept(&self.0, |s| sys::accept(s.as_fd()))?;
        let Some(address) = address.as_socket() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        Ok((TcpStream::of(net::TcpStream::from(fd))?, address))
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
