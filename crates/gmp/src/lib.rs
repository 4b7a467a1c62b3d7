//! Goroutines for Rust: plain blocking-style code, a million at once, every core busy, nothing to colour.
//!
//! ```
//! use std::time::Duration;
//!
//! #[gmp::main(unsafe)] // the contract: no thread-local is kept over a call that parks
//! fn main() {
//!     let (tx, rx) = gmp::chan::bounded(16);
//!     for worker in 0..4 {
//!         let tx = tx.clone();
//!         gmp::go(move || {
//!             gmp::time::sleep(Duration::from_millis(worker));
//!             tx.send(worker * worker).unwrap();
//!         });
//!     }
//!     drop(tx);
//!     assert_eq!(rx.iter().sum::<u64>(), 14);
//! }
//! ```
//!
//! - **Goroutines**: [`go()`], [`scope()`] for borrowed data, [`JoinHandle`] (also a future), [`Builder`], [`yield_now`].
//! - **Communication**: [`chan`], [`select!`], [`sync`], [`context`], [`time`].
//! - **The outside world**: [`net`], [`fs`], [`process`], [`signal`], [`io`]; [`blocking`] for other calls that
//!   block their thread.
//! - **The runtime**: [`main`], [`run`], [`runtime`].
//!
//! ```text
//!   #[gmp::main(unsafe)]     P0 ─ run queue        M ─ OS thread, needs a P to run goroutines
//!    go ───────────────────▶ P1 ─ run queue  ◀───  M     idle Ps steal half of a busy one's queue
//!    chan, net, sleep: park  …                     M     a thread that blocks or hogs loses its P
//! ```
//!
//! # Guarantees
//!
//! - A goroutine that is runnable runs within a bounded number of time slices, whatever the others do.
//! - A goroutine that computes, or blocks in [`blocking`], does not keep the others from running.
//! - Channels and their waiters are first in, first out; a value sent is received once or given back.
//! - A panic ends its goroutine only; it is delivered by [`JoinHandle::join`].
//!
//! # How it works today
//!
//! One scheduler per process (`gmp-sched`), a poller on epoll (`gmp-netpoll`), a monitor that stops hogs by a
//! signal in which the *thread* stays and the *processor* moves (`gmp-preempt`). `ARCHITECTURE.md` has the map.
//!
//! # Limits
//!
//! Unix only; x86_64 and aarch64. A goroutine may continue on another OS thread after it parked, so what
//! belongs to a thread must not be kept over a park: that is what `unsafe` at the entry promises.

mod block_on;
mod go;
mod local;
mod scope;

pub mod chan;
pub mod context;
pub mod fs;
pub mod io;
pub mod net;
pub mod process;
pub mod signal;

pub mod runtime;
pub mod sync;
pub mod testing;
pub mod time;
pub mod trace;
#[cfg(feature = "tracing")]
pub mod tracing;

mod dump;
mod env;
mod glue;
mod observer;
mod panics;
mod service;
mod sys;
mod top;

pub use block_on::block_on;
pub use gmp_macros::{main, test};
#[doc(inline)]
pub use gmp_sched::{GoId, Goexit, blocking, checkpoint, goexit, yield_now};
#[doc(inline)]
pub use go::{Builder, Goroutine, JoinFuture, JoinHandle, current, go, try_current};
pub use local::LocalKey;
pub use runtime::run;
pub use scope::{Scope, ScopedJoinHandle, scope, scope_with_context};

/// The code of the repository's documents, compiled and run as doc tests; `cargo xtask tidy` wants each of them here.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/contract.md")]
    struct Contract;
    #[doc = include_str!("../../../docs/from-go.md")]
    struct FromGo;
    #[doc = include_str!("../../../docs/from-tokio.md")]
    struct FromTokio;
    #[doc = include_str!("../../../docs/tuning.md")]
    struct Tuning;
    #[doc = include_str!("../../../docs/internals.md")]
    struct Internals;
}
