//! Signals as values on a channel.
//!
//! ```no_run
//! use gmp::signal::{Signal, notify};
//!
//! #[gmp::main(unsafe)]
//! fn main() {
//!     let signals = notify(&[Signal::SIGINT, Signal::SIGHUP]);
//!     for signal in &signals {
//!         match signal {
//!             Signal::SIGHUP => println!("reading the configuration again"),
//!             other => return println!("{other}: good bye"),
//!         }
//!     }
//! }
//! ```
//!
//! # Guarantees
//!
//! - When [`notify`] returns, its signals no longer have their default effect: each goes to the receivers of all
//!   calls that asked for it. Nothing is lost between two signals of different numbers; several of one number
//!   that come faster than they are passed on may become fewer, as in the kernel.
//! - A receiver keeps up to 128 signals that nobody has received yet; further ones are dropped, so that nobody
//!   who forgets to look can stop the others.
//! - When all receivers that asked for a signal are gone, the next one has the effect again that it had before:
//!   a second Ctrl-C ends a program that has dropped the receiver of the first.
//! - A handler that was installed before is called too, and first: when a receiver gets the signal, that call has
//!   returned. (A handler that never returns therefore keeps its signal from the receivers.)
//! - `SIGKILL` and `SIGSTOP` cannot be caught, faults (`SIGSEGV`, `SIGBUS`, `SIGILL`, `SIGFPE`, `SIGTRAP`,
//!   `SIGSYS`) belong to the thread that made them, and `SIGURG` is what the runtime stops goroutines with:
//!   these are never delivered.
//!
//! # How it works today
//!
//! The handler (`handler.rs`) counts and writes to a pipe; a thread, made by the first `notify`, reads it and
//! sends (`dispatch.rs`). While it exists, a program in which all goroutines sleep is not taken for deadlocked:
//! a signal could wake it.

mod dispatch;
mod handler;
mod number;

pub use dispatch::{ctrl_c, notify};
pub use number::Signal;
