//! What this crate asks of the operating system, beside threads: sleeping on a word, yielding the CPU,
//! an ordering barrier on every thread of the process, a count of the process's threads, the processor's counter, where a
//! thread sleeps in the kernel (`asleep`), and copies of memory that somebody may unmap meanwhile (`peek`).
//!
//! Contract of a backend: `futex_wait(word, expected, timeout)` returns at once when the word differs,
//! may return spuriously, and never allocates; `futex_wake(word)` uses the address as a name only.

mod counter;
pub(crate) use counter::{counter, is_steady};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;
