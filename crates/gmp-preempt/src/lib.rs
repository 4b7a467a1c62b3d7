//! Stop a running thread at any instruction, and resume it later.
//!
//! A thread that computes does not come by to ask whether somebody else may have the processor. Compiled
//! code cannot be asked either: at an arbitrary instruction it may be inside `malloc`, hold a lock, or have
//! the address of a thread-local in a register, so continuing it on another thread is unsound, and
//! continuing something else *on* its thread is too. What is sound is to let **the thread stay and the
//! processor move**: a signal makes the thread sleep right where it is, with its registers, locks and
//! thread-locals, and whoever owned the right to compute hands that right to another thread.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! let monitor = gmp_preempt::Monitor::new(2, Duration::from_millis(10))?;
//! std::thread::scope(|scope| {
//!     for _ in 0..8 {
//!         scope.spawn(|| {
//!             let _turn = monitor.enroll()?; // from here on: one of 8 that share 2 slots
//!             loop { std::hint::spin_loop() } // never asks, and shares all the same
//!             # #[allow(unreachable_code)]
//!             # std::io::Result::Ok(())
//!         });
//!     }
//! });
//! # Ok(())
//! # }
//! ```
//!
//! # Nouns
//!
//! - [`Target`]: one thread, as its monitor sees it. `request`, `request_later`, `is_stopped`, `resume`.
//! - [`OnStop`]: runs on the stopped thread and decides: stop or not, and who goes on instead.
//! - [`critical()`]: a section in which the thread is not stopped. A plain counter.
//! - [`Observed`]: a thread that is looked at and never stopped.
//! - [`Probe`]: two looks at a thread's CPU clock: computing, or asleep in the kernel? [`Rest`] says more of one that is not
//!   on a CPU.
//! - [`barrier`]: a fence that costs the frequent side nothing.
//! - [`Monitor`]: all of it put together: time slices for plain threads.
//!
//! # The signal's way
//!
//! ```text
//!   monitor                         hog                               successor
//!   -------                         ---                               ---------
//!   request()                       computes                          asleep (in its own handler,
//!     REQUESTED                     |                                  or wherever it waits)
//!     SIGURG to the thread -------> handler, on the signal stack
//!                                   |  in a critical section? return; its end comes here instead
//!                                   |  STOPPED
//!                                   |  on_stop(ctx): hands over ----> resume(): wakes
//!                                   |  futex: asleep                  |
//!   ...                                                               computes
//!   resume() -------------------->  |  awake
//!                                   returns to the very instruction
//! ```
//!
//! # Code map, in reading order
//!
//! `word.rs` the state word and its protocol (model-checked) · `target.rs` a word joined to a thread ·
//! `signal.rs` which signal, who else gets it, the handler · `tick.rs` a signal that no system call sees · `critical.rs` sections that are not stopped
//! (model-checked) · `current.rs` the thread-locals · `sigstack.rs` a stack for the handler · `probe.rs`
//! running or asleep · `libraries.rs` places not to stop at · `barrier.rs` the asymmetric fence (model-checked) · `monitor.rs`, `roster.rs` time
//! slices for plain threads · `sys/` the system calls · `sync.rs` std or loom.
//!
//! # Limits
//!
//! - 64-bit Linux, FreeBSD, macOS. Linux is what is measured and tested.
//! - A stopped thread keeps what it holds: locks, the allocator's arena. Who waits for one of those waits
//!   until the thread runs again; so stop only threads that you resume in bounded time.
//! - A signal may interrupt a system call that the kernel does not restart (`poll`, `nanosleep`, ...).
//!   Look with [`Probe`] first and leave sleepers alone; of those that sleep now and then ask with
//!   [`request_later`](Target::request_later).
//! - After `fork` the child has one thread, and no monitor.
//! - A library that `dlopen` loads gets its thread-locals lazily from glibc: a foreign SIGURG that hits a
//!   thread which never attached may then allocate in the handler.

// In reading order, not in the alphabet's.
mod word;

mod target;

mod signal;

mod tick;

mod critical;

mod current;

mod sigstack;

mod libraries;

mod probe;

pub mod barrier;

mod monitor;

mod roster;

mod sys;

mod sync;

pub use critical::{Critical, critical};
pub use libraries::interrupted_in_c_library;
pub use monitor::{Enrolled, Monitor};
pub use probe::{Observed, Probe, Rest, Verdict};
pub use signal::{Registers, interrupted, is_installed};
pub use sigstack::SIGNAL_STACK_MIN;
pub use target::{OnStop, Target};

/// The README's examples are compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
