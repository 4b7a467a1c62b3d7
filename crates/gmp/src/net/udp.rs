//! UDP.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read, Write};
use socket2::{Domain, Protocol, Type};

use super::convert::{adopt, common, delegate, timed};
use super::resolve::{each_address, lookup_host};
use super::socket::Socket;

/// A UDP socket. An empty datagram is a datagram: a receive of 0 bytes is not an end.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::net::UdpSocket;
///
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// a.send_to(b"ping", b.local_addr()?)?;
/// let mut datagram = [0; 16];
/// let (len, from) = b.recv_from(&mut datagram)?;
/// assert_eq!((&datagram[..len], from), (&b"ping"[..], a.local_addr()?));
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub struct UdpSocket(Socket<net::UdpSocket>);

common!(UdpSocket, net::UdpSocket);
adopt!(UdpSocket, net::UdpSocket);
timed!(UdpSocket);

impl UdpSocket {
    /// Binds the first address of `address` that can be had. Blocks only for a name to be looked up.
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<UdpSocket> {
        each_address(address, |address| UdpSocket::adopt(net::UdpSocket::bind(address)?))
    }

    /// Fixes the peer: `send` goes there, others are not received.
    ///
    /// # Errors
    ///
    /// The resolver's, or the last attempt's; `ConnectionAborted` once closed.
    pub fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        each_address(address, |address| self.0.with(|s| s.connect(address)))
    }

    /// The next datagram, as far as it fits, and who sent it. Parks.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.whole(Read, None, |s| s.recv_from(buf))
    }

    /// As [`recv_from`](Self::recv_from), but the datagram stays.
    ///
    /// # Errors
    ///
    /// As for `recv_from`.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.whole(Read, None, |s| s.peek_from(buf))
    }

    /// The next datagram of the peer, as far as it fits. Parks.
    ///
    /// # Errors
    ///
    /// As for `recv_from`.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.whole(Read, None, |s| s.recv(buf))
    }

    /// As [`recv`](Self::recv), but the datagram stays.
    ///
    /// # Errors
    ///
    /// As for `recv_from`.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.whole(Read, None, |s| s.peek(buf))
    }

    /// Sends a datagram to the first address of `address`. Parks while the send buffer is full.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], address: A) -> io::Result<usize> {
        let Some(address) = lookup_host(address)?.next() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no addresses to send data to",
            ));
        };
        self.0.whole(Write, None, |s| s.send_to(buf, address))
    }

    /// Sends a datagram to the peer. Parks while the send buffer is full.
    ///
    /// # Errors
    ///
    /// The system's; `TimedOut`; `ConnectionAborted` once closed.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.whole(Write, None, |s| s.send(buf))
    }

    delegate! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our address.
        local_addr() -> SocketAddr;
        /// Whether datagrams may go to broadcast addresses.
        broadcast() -> bool;
        /// See [`broadcast`](Self::broadcast).
        set_broadcast(broadcast: bool) -> ();
        /// The hop limit of packets.
        ttl() -> u32;
        /// See [`ttl`](Self::ttl).
        set_ttl(ttl: u32) -> ();
        /// Whether multicast datagrams come back to this host.
        multicast_loop_v4() -> bool;
        /// See [`multicast_loop_v4`](Self::multicast_loop_v4).
        set_multicast_loop_v4(on: bool) -> ();
        /// The hop limit of multicast datagrams.
        multicast_ttl_v4() -> u32;
        /// See [`multicast_ttl_v4`](Self::multicast_ttl_v4).
        set_multicast_ttl_v4(ttl: u32) -> ();
        /// Whether multicast datagrams come back to this host.
        multicast_loop_v6() -> bool;
        /// See [`multicast_loop_v6`](Self::multicast_loop_v6).
        set_multicast_loop_v6(on: bool) -> ();
        /// Joins a multicast group.
        join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        /// Joins a multicast group.
        join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
        /// Leaves a multicast group.
        leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        /// Leaves a multicast group.
        leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    }
}

/// A non-blocking socket.
pub(super) fn udp_socket(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(*address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
