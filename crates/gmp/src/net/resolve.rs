//! Names to addresses, off the scheduler: the system's resolver blocks its thread, so it runs declared.
//!
//! Each look-up that goes on has a thread to itself, for as long as name servers take, which is seconds when they do not
//! answer. So their number is limited: a program that dials ten thousand names at once queues goroutines, not threads.
//! Addresses are no names: they are neither looked up nor made to wait.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::ptr;

use crate::io::cast;
use crate::sync::Semaphore;

/// Look-ups that may block a thread each at a time. Go's figure.
const LOOKUPS: usize = 500;

static LIMIT: Semaphore = Semaphore::new(LOOKUPS);

/// All addresses of a name, as `ToSocketAddrs` gives them. The goroutine waits; its thread blocks in the
/// system's resolver while the others go on. At most 500 look-ups go on at a time in a process, further ones wait for
/// their turn; what is an address already, as a value or as text, needs none.
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
    if is_address(&address) {
        return address.to_socket_addrs();
    }
    let _turn = LIMIT.acquire(1);
    gmp_sched::blocking(|| address.to_socket_addrs())
}

/// Whether nothing has to be looked up. False for types that are not known here.
fn is_address<A>(address: &A) -> bool {
    let text = text(address).or_else(|| cast::<A, String>(address).map(String::as_str));
    if let Some(text) = text {
        return text.parse::<SocketAddr>().is_ok();
    }
    cast::<A, SocketAddr>(address).is_some()
        || cast::<A, SocketAddrV4>(address).is_some()
        || cast::<A, SocketAddrV6>(address).is_some()
        || cast::<A, (IpAddr, u16)>(address).is_some()
        || cast::<A, (Ipv4Addr, u16)>(address).is_some()
        || cast::<A, (Ipv6Addr, u16)>(address).is_some()
}

/// `value` as the text that it is.
fn text<A>(value: &A) -> Option<&str> {
    if typeid::of::<A>() != typeid::of::<&str>() {
        return None;
    }
    // SAFETY: `A` is `&str` for some lifetime, which outlives the borrow of `value`.
    Some(unsafe { *ptr::from_ref(value).cast::<&str>() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(is_address(&address) && is_address(&&address));
        assert!(
            is_address(&(Ipv4Addr::LOCALHOST, 1u16)) && is_address(&(Ipv6Addr::LOCALHOST, 1u16))
        );
        assert!(is_address(&"127.0.0.1:80") && is_address(&"[::1]:80".to_owned()));
        assert!(!is_address(&"localhost:80") && !is_address(&("127.0.0.1", 80u16)));
        assert!(!is_address(&String::from("127.0.0.1")));
    }
}
