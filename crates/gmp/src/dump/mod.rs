//! Dumps of all goroutines: what `runtime::dump`, SIGQUIT and the deadlock report print.
//!
//! A dump is made in two steps. While the runtime is frozen, `collect` copies the headers and walks the stacks
//! ([`unwind`]), without allocating: a goroutine that was stopped may hold the allocator's lock, and nobody resumes it
//! meanwhile. Afterwards, with everything running again, `print` finds the names of the addresses and groups what is
//! alike. All of it happens on a plain thread.

pub(crate) mod callsite;
pub(crate) mod collect;
pub(crate) mod print;
pub(crate) mod symbols;
pub(crate) mod unwind;
