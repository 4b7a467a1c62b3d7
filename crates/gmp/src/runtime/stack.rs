//! The stack that the caller runs on: how much is left of it, and how to get more.
//!
//! A goroutine's stack is a reserve of address space (see [`Builder::stack_size`](crate::runtime::Builder::stack_size));
//! memory is taken as it is touched. Recursion whose depth depends on data needs no larger reserve, if it asks for more
//! where it recurses:
//!
//! ```
//! use gmp::runtime::stack;
//!
//! fn depth(n: u64) -> u64 {
//!     if n == 0 {
//!         return 0;
//!     }
//!     stack::maybe_grow(64 << 10, 4 << 20, || 1 + depth(n - 1))
//! }
//! assert_eq!(depth(300_000), 300_000);
//! ```

#[doc(inline)]
pub use gmp_sched::{grow, maybe_grow};

/// Bytes of reserve that are left below the caller: of the segment that [`grow`] put it on, else of its goroutine's
/// stack or its thread's. 0 where that is unknown, as in a signal handler.
///
/// Neither parks nor blocks. About 1.5 ns, a little more after the goroutine has been switched; at the first call on a
/// thread's own stack as long as it takes to look that up, some 30 µs.
pub fn remaining() -> usize {
    gmp_sched::stack_remaining()
}
