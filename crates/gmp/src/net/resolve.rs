//! Names to addresses, off the scheduler: the system's resolver blocks its thread, so it runs declared.
//!
//! Each look-up that goes on has a thread to itself, for as long as name servers take, which is seconds when they do not
//! answer. So their number is limited: a program that dials ten thousand names at once queues goroutines, not threads.
//! Addresses are no names: they are neither looked up nor made to wait.
//!
//! Each runtime has a limit of its own, and plain threads have one. When a runtime ends, goroutines of it rest for ever: with
//! a turn, or first in the queue for one. Those of the next runtime must not wait for them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use gmp_sched::Current;

use crate::io::cast;
use crate::sync::Semaphore;

/// Look-ups that may block a thread each at a time. Go's figure.
const LOOKUPS: usize = 500;

/// The turns of one runtime, in the list of all.
struct Limit {
    /// [`Current::runtime`], 0 for plain threads.
    runtime: usize,
    turns: Semaphore,
    /// Of a later runtime; never freed.
    next: AtomicPtr<Limit>,
}

impl Limit {
    const fn new(runtime: usize, lookups: usize) -> Limit {
        Limit { runtime, turns: Semaphore::new(lookups), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The caller's, made of so many turns when a runtime looks up its first name. Allocates then, as the scheduler did for
    /// the runtime, and as little frees it.
    fn of_caller(lookups: usize) -> &'static Limit {
        static THREADS: Limit = Limit::new(0, LOOKUPS);
        let runtime = Current::get().map_or(0, |g| g.runtime());
        let mut limit = &THREADS;
        while limit.runtime != runtime {
            // Acquire: pairs with Release in `follow`; makes the limit's contents visible.
            let next = limit.next.load(Ordering::Acquire);
            // SAFETY: null or in the list, where nothing is freed.
            limit = unsafe { next.as_ref() }.unwrap_or_else(|| limit.follow(runtime, lookups));
        }
        limit
    }

    /// What follows in the list now: a new limit, or one that somebody else has put there meanwhile.
    #[cold]
    fn follow(&'static self, runtime: usize, lookups: usize) -> &'static Limit {
        let new = Box::into_raw(Box::new(Limit::new(runtime, lookups)));
        let end = ptr::null_mut();
        // Release: pairs with Acquire in `of_caller`; publishes the limit. Acquire on failure: pairs with this Release.
        match self.next.compare_exchange(end, new, Ordering::Release, Ordering::Acquire) {
            // SAFETY: made above; in the list from now on, so never freed.
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: in the list, where nothing is freed.
                unsafe { &*other }
            }
        }
    }
}

/// All addresses of a name, as `ToSocketAddrs` gives them. The goroutine waits; its thread blocks in the
/// system's resolver while the others go on. At most 500 look-ups of goroutines go on at a time, further ones wait for
/// their turn, and so it is with plain threads; what is an address already, as a value or as text, needs none.
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
    resolve(&address, LOOKUPS)
}

/// Looks up, in turn: of the caller's runtime, `lookups` go on at a time.
fn resolve<A: ToSocketAddrs>(address: &A, lookups: usize) -> io::Result<A::Iter> {
    let turn = Limit::of_caller(lookups).turns.acquire(1);
    gmp_sched::blocking(move || {
        // Given back before the goroutine waits for a processor: it blocks no thread from here on.
        let _turn = turn;
        address.to_socket_addrs()
    })
}

/// Whether nothing has to be looked up. False for types that are not known here.
fn is_address<A>(address: &A) -> bool {
    // SAFETY: `&str` is covariant.
    let text = unsafe { view::<A, &str>(address) }.copied();
    if let Some(text) = text.or_else(|| cast::<A, String>(address).map(String::as_str)) {
        return text.parse::<SocketAddr>().is_ok();
    }
    // SAFETY: the pair is covariant.
    let host = unsafe { view::<A, (&str, u16)>(address) }.map(|pair| pair.0);
    if let Some(host) = host.or_else(|| cast::<A, (String, u16)>(address).map(|pair| &*pair.0)) {
        return host.parse::<IpAddr>().is_ok();
    }
    // SAFETY: a slice of what has no lifetime is covariant.
    let several = unsafe { view::<A, &[SocketAddr]>(address) };
    several.is_some()
        || cast::<A, SocketAddr>(address).is_some()
        || cast::<A, SocketAddrV4>(address).is_some()
        || cast::<A, SocketAddrV6>(address).is_some()
        || cast::<A, (IpAddr, u16)>(address).is_some()
        || cast::<A, (Ipv4Addr, u16)>(address).is_some()
        || cast::<A, (Ipv6Addr, u16)>(address).is_some()
}

/// As `cast`, for a `To` with lifetimes, which the comparison of types does not see.
///
/// # Safety
///
/// `To` is covariant in its lifetimes: those of `A` outlive the borrow of `value`, those of `To` are cut down to it.
unsafe fn view<'a, A, To: 'a>(value: &'a A) -> Option<&'a To> {
    let (from, this) = (typeid::of::<A>(), ptr::from_ref(value));
    if from == typeid::of::<To>() {
        // SAFETY: `A` is `To` but for lifetimes, and those are as promised.
        return Some(unsafe { &*this.cast::<To>() });
    }
    if from == typeid::of::<&To>() {
        // SAFETY: `A` is `&To` but for lifetimes; as above.
        return Some(unsafe { *this.cast::<&To>() });
    }
    None
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
#[path = "resolve_tests.rs"]
mod tests;
