//! What an operating system must provide, and the choice of the one in use.
//!
//! The contract: `map`/`unmap` address space that costs nothing until touched; `guard_light` and `guard_protect`, two ways
//! to make a range fault; `discard` pages but not the address space; `futex_wait`/`futex_wake`; `page_size`;
//! `fault_of`, what a signal handler can learn of a fault; `resident_depth`, how far down pages are in use. All are
//! async-signal-safe and none allocates, but for `thread_stack`, which looks up where the calling thread's own stack lies, and
//! `error_text`, the words for an error.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("gmp-context: this operating system has no backend yet; see src/sys/mod.rs");
