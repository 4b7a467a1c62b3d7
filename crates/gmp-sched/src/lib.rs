//! The GMP scheduler: goroutines on a work-stealing set of processors, without I/O.
//!
//! Plain blocking-style code on stacks of its own, a million of them, spread over all cores. This crate runs
//! goroutines, parks them, wakes them and steals them; channels, locks and sockets are built on it (in `gmp`)
//! from two calls: [`park()`] and [`Waiter::ready`].
//!
//! ```
//! use gmp_sched::{Config, Options, run, spawn};
//!
//! // The contract: nothing below keeps a thread-local over a park.
//! let sum = unsafe {
//!     run(Config::default(), || {
//!         let handles: Vec<_> =
//!             (0..10u32).map(|i| spawn(Options::default(), move || i * i).unwrap()).collect();
//!         handles.into_iter().map(|h| h.join().unwrap()).sum::<u32>()
//!     })
//! };
//! assert_eq!(sum, 285);
//! ```
//!
//! The nouns, which are Go's:
//!
//! - **G**, a goroutine: a closure, its stack once it runs, and where it continues.
//! - **P**, a processor: the right to run goroutines, with a queue, timers and caches. There are GOMAXPROCS.
//! - **M**, an OS thread. It needs a P to run goroutines, and loses it when it blocks.
//!
//! ```text
//!                 global queue ──────────┐            timers, descriptors
//!                      ▲ overflow        ▼ batch           │ ready
//!   go ────────────▶ ring of 2048 ─▶ M runs G ──▶ parks ────┘
//!             P          ▲               │ yields
//!                        └── half ──▶ another P's ring (stealing)
//! ```
//!
//! Reading order: `run.rs`, `find.rs`, `idle.md`, `queue/local.rs`, `park.rs`; then `sleep.rs`, `blocking.rs`,
//! `preempt.rs`, `monitor.rs`, `timers.rs`, `task.rs`, `runtime.rs`.
//!
//! Limits: one runtime at a time per process; Linux on x86_64 and aarch64 first, other Unix systems with a
//! slower parker. No I/O (see [`Driver`]) and no preemption (see [`Preempt`]) of its own.

mod active;
mod alloc_check;
mod arena;
mod awake;
mod blocking;
mod bubble;
mod caller;
mod claim;
mod clock;
mod config;
mod cpus;
mod credits;
mod critical;
mod current;
mod debugger;
mod delayed;
mod desert;
mod driver;
mod fatal;
mod find;
mod finish;
mod firing;
mod freeze;
mod frost;
mod g;
mod halted;
mod handed;
mod hogs;
mod hold;
mod idle;
mod idlers;
mod inspect;
mod join;
mod join_future;
mod lease;
mod lock;
mod look;
mod lost;
mod m;
mod metrics;
mod monitor;
mod next;
mod on_thread;
mod os_thread;
mod p;
mod pace;
mod park;
mod parker;
mod photo;
mod post;
mod preempt;
mod queue;
mod rng;
mod run;
mod runtime;
mod scheduler;
mod segment;
mod sleep;
mod slots;
mod spare;
mod spawner;
mod steal;
mod stop;
mod surplus;
mod sync;
mod sys;
mod task;
#[cfg(test)]
mod testing;
mod ticks;
mod timers;
mod trace;
mod trace_ring;
mod turnstile;
mod wait;
mod wakeword;
mod worth;
pub use blocking::blocking;
pub use bubble::{BubbleDeadlock, bubble, bubble_now, current_bubble, wait_for_bubble};
pub use caller::Current;
pub use claim::Claim;
pub use config::{Config, MAX_PROCS};
pub use critical::{Critical, critical};
pub use delayed::{Delayed, spawn_at};
pub use driver::{Driver, MHandle, Preempt};
pub use g::GoId;
pub use gmp_context::Frame;
pub use halted::Registers;
pub use hogs::{Hog, HogWatch};
pub use inspect::{
    GoroutineInfo, ProcessorInfo, Seen, copy, goroutines, inspect, peek, processors,
};
pub use join_future::JoinFuture;
pub use lock::{Lock, LockGuard};
pub use metrics::{LATENCIES, Metrics, ProcMetrics};
pub use on_thread::OnThread;
pub use os_thread::{OsThreadGuard, lock_os_thread};
pub use park::{checkpoint, park, park_in, park_until, yield_now};
pub use preempt::try_hand_over;
pub use rng::fastrand;
pub use runtime::{
    ForbidPark, Goexit, add_service_thread, forbid_park, goexit, gomaxprocs, metrics,
    num_goroutine, proc_hint, remove_service_thread, run, running, set_gomaxprocs, try_metrics,
    try_num_goroutine,
};
pub use segment::{grow, maybe_grow};
pub use stop::{Finishing, finishing};
pub use task::{JoinHandle, Options, spawn, spawn_unchecked};
pub use trace::{Drained, TraceEvent, TraceKind, drain_trace, set_tracing};
pub use wait::{WaitReason, Waiter};

/// Bytes of stack left below the caller: of its segment, else of its goroutine's stack or its thread's.
pub use gmp_context::remaining as stack_remaining;

pub use gmp_context::stack_around;
