//! What is asked of the operating system beyond std, and which module knows how.
//!
//! | function | meaning | where it cannot be had |
//! |---|---|---|
//! | `exit_descriptor(pid)` | a descriptor that becomes readable when a child has ended | an error: the wait blocks its thread |
//! | `pipe()` | two ends, non-blocking, closed on exec; atomically where possible | – |
//! | `splice(from, to, limit)` | moves bytes between a pipe and something else without blocking | `None`: copied through memory |
//! | `send_file(from, to, limit)` | moves bytes of a file into a non-blocking socket or pipe | `None` |
//! | `accept(fd)` | a connection, non-blocking and closed on exec, in one call where possible | – |
//! | `replace_by_nothing(fd)` | closes what has this number, and keeps the number, on which everything fails then | – |
//! | `SEND` | flags of a send that fails with `EPIPE` and raises no signal | 0: the sockets are made that way |
//! | `take_signal(signal, only)` | takes a blocked signal if it is pending, for the thread or the process; does not wait | – |
//! | `errno()` | the address of the calling thread's error number | – |

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{
    SEND, accept, errno, exit_descriptor, pipe, replace_by_nothing, send_file, splice, take_signal,
};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{
    SEND, accept, errno, exit_descriptor, pipe, replace_by_nothing, send_file, splice, take_signal,
};
