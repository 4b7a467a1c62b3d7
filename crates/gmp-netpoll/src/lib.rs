//! Readiness of descriptors for parked waiters, edge-triggered.
//!
//! A program with many connections and few threads must not block in `read`. It asks the kernel which
//! sockets have something to say and lets whoever waits for them go on. This crate does that for waiters of
//! any kind: goroutines of a runtime, which gives them as opaque words, or plain threads.
//!
//! ```
//! use gmp_netpoll::{Direction, Netpoll};
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//!
//! let netpoll = Netpoll::new()?;
//! let (ours, mut theirs) = UnixStream::pair()?;
//! ours.set_nonblocking(true)?;
//! let ours = netpoll.register(ours)?;
//! theirs.write_all(b"hello")?;
//! let mut buf = [0; 5];
//! ours.run(Direction::Read, |mut s| s.read(&mut buf))?;
//! assert_eq!(&buf, b"hello");
//! # std::io::Result::Ok(())
//! ```
//!
//! # The nouns
//!
//! - [`Netpoll`]: a kernel poller and the slots of the descriptors registered with it.
//! - [`Source`]: a registered descriptor as a runtime uses it, `consume`, `arm`, `settle`.
//! - [`Registration`]: the same for plain threads, `wait`, `run`; it owns the descriptor.
//! - waiter: a word that `arm` puts into a descriptor and an event takes out (`waiter.rs`).
//! - edge: the kernel's word that something *became* possible; said once, so it is remembered here.
//!
//! ```text
//!   goroutine or thread             slot of the descriptor                    whoever polls
//!                                 ┌────────────────────────────┐
//!   consume ─▶ read ─▶ EAGAIN     │ read : EMPTY │ READY │      │     epoll_pwait2 ─▶ key
//!      ▲                 │        │        CLOSED │ waiter      │                      │
//!      │               arm ──────▶│ write: the same            │◀── event ── generation equal?
//!      └────── parked ◀─ wake ────│ generation, hang-ups       │         no: stale, dropped
//!                                 └────────────────────────────┘
//! ```
//!
//! # Guarantees
//!
//! - An edge is never lost: it is remembered, or it wakes the waiter (`desc.rs` has the argument and the
//!   model). A wait may end for nothing; operations decide.
//! - A deadline is never early.
//! - An event of a closed descriptor does not reach the next one with the same number.
//! - [`Netpoll::poll`] and everything of [`Source`] but `attach` allocate nothing and take no lock.
//!
//! # How it works today
//!
//! One registration per descriptor, both directions; no system call per wait. Linux waits with
//! `epoll_pwait2` on the descriptor of a `polling::Poller`; other systems through `polling`. A wake-up is one
//! write to an eventfd that is never read. A read that comes back short has used the edge up and saves the
//! `EAGAIN` call; on Linux only, where the end of a stream is reported as such.
//!
//! # Where to read on
//!
//! `desc.rs` (the words) → `table.rs` (slots, stale events) → `poller.rs` → `wake.rs` → `source.rs` →
//! `waiter.rs` and `turn.rs` (threads that poll for each other) → `registration.rs` → `deadline.rs` → `sys/`.
//!
//! # Not here
//!
//! No sockets, no buffers, no timers, no `Future`s, no Windows. One waiter per direction: queues of readers
//! are built above. Regular files are always ready to the kernel, and refused.

mod desc;
mod table;

mod poller;
mod wake;

mod source;

mod deadline;
mod parked;
mod registration;
mod turn;
mod waiter;

mod sync;
mod sys;

pub use deadline::{Deadline, earliest};
pub use desc::{Armed, Direction};
pub use poller::{Netpoll, Polled};
pub use registration::Registration;
pub use source::{Arm, Source};
