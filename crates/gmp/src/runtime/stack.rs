//! The stack of the calling goroutine.

use gmp_sched::Current;

/// Bytes of its stack's reserve that are left below the caller; 0 on a plain thread, which knows nothing of
/// its own. Neither parks nor blocks.
pub fn remaining() -> usize {
    Current::get().map_or(0, |g| g.stack_remaining())
}
