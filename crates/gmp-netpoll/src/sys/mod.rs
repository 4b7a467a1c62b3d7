//! What an operating system must provide, and which module does.
//!
//! A backend is a type `Selector` and a type `Events`, with these methods; nothing above names a system:
//!
//! | method | meaning |
//! |---|---|
//! | `Selector::new()` | opens one |
//! | `unsafe add(fd, key)` | reports every edge of `fd`, both directions, as `key` from now on; what is possible already counts as an edge |
//! | `remove(fd)` | no longer |
//! | `wait(&mut Events, timeout)` | waits for edges, `wake` or the timeout (`None`: no limit); signals may end it early; allocates nothing |
//! | `wake()` | ends the current wait, or the next |
//! | `Events::with_capacity(n)`, `Events::iter()` | what the last wait brought, as [`Event`]s |
//! | `SHORT_MEANS_DRAINED` | a transfer shorter than asked leaves nothing behind unless a hang-up is noted |

/// One edge, or several of one descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) key: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer sends no more, or the connection is broken: reads will not block again.
    pub(crate) read_hang_up: bool,
    /// The connection is broken: writes will not block again.
    pub(crate) write_hang_up: bool,
}

/// No descriptor has this key: index and generation cannot both be all ones.
pub(crate) const WAKE: u64 = u64::MAX;

#[cfg(target_os = "linux")]
mod epoll;
#[cfg(target_os = "linux")]
mod wake;
#[cfg(target_os = "linux")]
pub(crate) use epoll::{Events, SHORT_MEANS_DRAINED, Selector};

#[cfg(any(not(target_os = "linux"), all(test, not(loom))))]
mod kqueue;
#[cfg(not(target_os = "linux"))]
pub(crate) use kqueue::{Events, SHORT_MEANS_DRAINED, Selector};

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!("gmp-netpoll needs a 64-bit Unix: keys are 64 bits wide");
