//! Tools: what memory checkers must be told of stacks that they cannot know. Without the features all of it is nothing.
//!
//! - `sanitizer`: the address sanitizer keeps the bounds of the stack that a thread is on, and marks variables that are out
//!   of scope. So each change of stacks is announced before and confirmed after, and a stack that begins anew is unmarked.
//!   The thread sanitizer keeps a shadow call stack and a clock per thread; each execution gets its own, a *fiber*
//!   (`fibers.rs`). Whichever of the two the program is built with is found when it is linked (`weak.rs`).
//! - `valgrind`: it takes a large change of the stack pointer for a huge frame, unless both ends lie in stacks that it was
//!   told of. So each slot of a slab is registered when it gets its guard, and slabs then stay mapped.
//!
//! `context.rs`, `coroutine.rs`, `segment.rs` and `slab.rs` call this at the places in question.
//!
//! ```text
//!   A: leave(B)   announces B, keeps A's fake stack          B: arrive(..)  where it left, with its fake stack
//!      switch  ------------------------------------------>      or confirm()  where it begins
//! ```

#[cfg(not(feature = "sanitizer"))]
#[path = "absent.rs"]
mod sanitizer;
#[cfg(feature = "sanitizer")]
mod sanitizer;

#[cfg(feature = "sanitizer")]
mod fibers;
#[cfg(feature = "sanitizer")]
mod weak;

#[cfg(not(feature = "valgrind"))]
#[path = "no_valgrind.rs"]
mod valgrind;
#[cfg(feature = "valgrind")]
mod valgrind;

pub(crate) use sanitizer::*;
pub(crate) use valgrind::{KEEP_SLABS, register, reuse};
