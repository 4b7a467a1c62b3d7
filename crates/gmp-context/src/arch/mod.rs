//! What an architecture must provide, and the choice of the one in use.
//!
//! Each file below offers the same items in the same order: `shadow_stack_active`, `stack_pointer` (with `std`), `here`, `FRESH_BYTES`,
//! `prepare`, `valgrind_request` (with the feature `valgrind`), `frame`, the trampoline, `gmp_context_call_on`, `switch`,
//! `prefetch`. Only `context.rs`, `coroutine.rs`, `segment.rs`, `room.rs` and `tools/` call them. A new architecture is a new file of
//! that shape and one line here.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("gmp-context: this architecture has no context switch yet; see src/arch/mod.rs");

use crate::context::{Commit, Context};

/// What the resumed side of a switch finds in its registers: the four words the other side put there.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    /// The execution that switched to us, now wholly saved.
    pub(crate) leaving: Context,
    /// What it wants done before anything else happens.
    pub(crate) commit: Commit,
    /// Argument of `commit`.
    pub(crate) arg: *mut (),
    /// The word it sends us.
    pub(crate) word: *mut (),
}

/// What [`gmp_context_call_on`] calls.
pub(crate) type CallOn = unsafe extern "C-unwind" fn(arg: *mut ());
