//! Names to addresses, off the scheduler: the system's resolver blocks its thread, so it runs declared.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// All addresses of a name, as `ToSocketAddrs` gives them. The goroutine waits; its thread blocks in the
/// system's resolver while the others go on.
///
/// # Errors
///
/// The resolver's.
///
/// ```
/// # unsafe { gmp::run(|| {
/// assert!(gmp::net::lookup_host("127.0.0.1:80")?.all(|address| address.ip().is_loopback()));
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub fn lookup_host<A: ToSocketAddrs>(address: A) -> io::Result<impl Iterator<Item = SocketAddr>> {
    gmp_sched::blocking(|| address.to_socket_addrs())
}

/// Tries `attempt` with each address until one succeeds; the last error if none does.
pub(super) fn each_address<A: ToSocketAddrs, T>(
    address: A,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failure = None;
    for address in lookup_host(address)? {
        match attempt(address) {
            Ok(value) => return Ok(value),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")
    }))
}
