//! Stackful context switches and guard-paged stacks, for x86_64 and aarch64 on Linux.
//!
//! A function that wants to stop in the middle and go on later, perhaps on another thread, needs a stack of its own and
//! a few instructions that exchange one stack pointer for another. This crate is those instructions, the stacks, and
//! what must surround them to be usable: guards below each stack, a report when one overflows, backtraces that end where
//! the stack ends, panics that arrive where they can be handled.
//!
//! ```
//! use gmp_context::Generator;
//!
//! let mut primes = Generator::new(|y| {
//!     let mut found: Vec<u32> = Vec::new();
//!     for n in 2.. {
//!         if found.iter().all(|p| n % p != 0) {
//!             found.push(n);
//!             y.suspend(n);
//!         }
//!     }
//! });
//! assert_eq!(primes.nth(9), Some(29));
//! ```
//!
//! # The nouns
//! - [`Coroutine`], [`Generator`]: safe, asymmetric, tied to their thread. Most users need nothing else.
//! - [`Context`]: a suspended execution, one word. [`prepare`] makes one, [`switch`] exchanges it for the running one.
//!   `unsafe`, symmetric; for authors of runtimes.
//! - [`Commit`]: what the leaving side still owes, done by its successor once the leaver is wholly saved.
//! - [`StackPool`], [`Stack`]: guarded stacks by size, reserved ahead, taken without a system call.
//! - [`grow`], [`maybe_grow`]: a call that goes on in a larger stack.
//! - [`guard`]: the report of an overflow, and the alternate stack that its handler needs.
//!
//! ```text
//!       thread's stack                stack from a pool
//!     +----------------+            +------------------+ top
//!     | main           |            | entry (outermost)|
//!     | ...            |  switch    | ...              |
//!     | switch         | ---------> | switch           |
//!     +----------------+ <--------- +------------------+
//!     | saved: 3 words |            | saved: 3 words   | <- Context
//!                                   |   untouched      |
//!                                   +------------------+ limit
//!                                   |      guard       |
//! ```
//!
//! # Reading order
//! `context.rs` (the contract of a switch), `arch/x86_64.rs` (how it is done), `coroutine.rs` (the safe form),
//! `generator.rs`, `segment.rs`, `room.rs`; then `memory.rs`, `pooled.rs`, `cache.rs`, `stack.rs`, `pool.rs`, `trim.rs`,
//! `slab.rs`, `descriptor.rs`, `limits.rs` (where stacks come from); then `guard.rs`, `signal_stack.rs` (what happens at their end). `lock.rs`,
//! `errno.rs`, `fatal.rs`, `tools/`, `sync.rs` and `sys/` serve those.
//!
//! # Without `std`
//! With `default-features = false` the crate is `no_std`, without an allocator, and needs the C library only: switches, pools
//! and caches of stacks, [`grow_on`], [`guard`]. A `Coroutine` has to catch panics at its entry, and whatever looks at the
//! calling thread (`PooledStack`, `remaining`) needs thread-locals: those are in the feature `std`.
//!
//! # Limits and what is absent
//! - Linux only so far; 16 KiB to 64 GiB per stack.
//! - Guards need Linux 6.13 to be free; before that each stack takes two of the process's mappings, of which
//!   `vm.max_map_count` allows 65,530.
//! - Hardware shadow stacks (CET) are refused, see [`shadow_stack_active`].
//! - The floating-point control words are not switched: Rust code must not change them.
//! - No moving of stacks: a stack is address space and grows by being touched. Who may need more calls [`maybe_grow`].

#![cfg_attr(not(feature = "std"), no_std)]

mod context;
#[cfg(feature = "std")]
mod coroutine;
#[cfg(feature = "std")]
mod generator;
#[cfg(feature = "std")]
mod room;
mod segment;

mod cache;
pub mod guard;
mod memory;
mod pool;
#[cfg(feature = "std")]
mod pooled;
mod stack;
mod trim;

mod arch;
mod descriptor;
mod errno;
mod fatal;
mod limits;
mod lock;
mod signal_stack;
mod slab;
mod sync;
mod sys;
mod tools;

pub use cache::StackCache;
pub use context::{
    Commit, Context, Entry, Frame, leave, no_commit, prefetch, prepare, shadow_stack_active, switch,
};
#[cfg(feature = "std")]
pub use coroutine::{Coroutine, Resumed, Yielder};
pub use errno::Errno;
#[cfg(feature = "std")]
pub use generator::Generator;
pub use limits::ReserveError;
pub use memory::StackMemory;
pub use pool::{PoolStats, StackPool};
#[cfg(feature = "std")]
pub use pooled::PooledStack;
#[cfg(feature = "std")]
pub use room::{grow, maybe_grow, remaining};
pub use segment::{grow_on, stack_around};
pub use stack::{Stack, default_stack_size};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
