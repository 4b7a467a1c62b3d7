//! Sockets that park the goroutine instead of blocking the thread.
//!
//! std's types, methods and traits, plus absolute deadlines and `close` from elsewhere. The calls look as
//! blocking as std's and are: for the goroutine. On a plain OS thread they block the thread, with or without
//! a runtime.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! #[gmp::main(unsafe)]
//! fn main() -> std::io::Result<()> {
//!     let listener = gmp::net::TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let server = gmp::go(move || -> std::io::Result<()> {
//!         let (mut stream, _) = listener.accept()?;
//!         let mut name = [0; 6];
//!         stream.read_exact(&mut name)?;
//!         stream.write_all(&name)
//!     });
//!     let mut client = gmp::net::TcpStream::connect(address)?;
//!     client.write_all(b"gopher")?;
//!     let mut echo = String::new();
//!     client.read_to_string(&mut echo)?;
//!     assert_eq!(echo, "gopher");
//!     server.join().unwrap()
//! }
//! ```
//!
//! # Guarantees
//!
//! - All methods take `&self` and may be called by many goroutines at once. Those that must wait for one
//!   direction do so first in, first out; a single `read` or `write` is one system call and not divided.
//! - A deadline (`set_deadline` and its kin) is absolute and sticky: it fails operations that wait and all later
//!   ones with `TimedOut`, data or not, until it is changed; a change reaches operations that wait. A timeout
//!   (`set_read_timeout`) is per operation and fails it only if it would have to wait longer. Never early.
//! - `close(&self)` is idempotent, wakes everybody with `ConnectionAborted`, and all that follows fails alike.
//!   The descriptor's number is not reused before the value is dropped.
//! - `read` into an empty buffer is 0 at once. Reading and writing allocate nothing. No `EINTR`; no `SIGPIPE`
//!   from a write to a stream, whatever the program does with that signal.
//! - `accept` that finds no descriptors left pauses and tries again for a second before it fails.
//! - A dial that was given a [`Context`](crate::context::Context) ends with it.
//! - `TCP_NODELAY` is on, as in Go: on connected streams, and on those accepted from a listener bound here.
//!
//! # How it works today
//!
//! `socket.rs` has the life of a read and of a close, `line.rs` those who wait behind each other, `poll.rs` the
//! poller and what plain threads do without it; the rest is std's surface. Conversions from std types cannot
//! report an error; if the descriptor cannot be registered, its first operation does.

mod line;
pub(crate) mod socket;

pub(crate) mod poll;

mod convert;
mod dial;
mod listener;
mod registration;
mod resolve;
mod tcp;
mod udp;
mod unix;

pub use gmp_netpoll::Direction;
pub use listener::{Incoming, ListenConfig, TcpListener};
pub use registration::Registration;
pub use resolve::lookup_host;
pub use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs,
};
pub use tcp::TcpStream;
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixIncoming, UnixListener, UnixStream};
