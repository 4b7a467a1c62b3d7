//! How many handles a channel has on each side, and who frees it.

use std::process::abort;
use std::ptr::NonNull;

use super::flow::Chan;
use super::sync::{AtomicUsize, Ordering};

/// One more handle. Aborts before the count overflows, which takes handles leaked by the billion.
#[inline]
pub(super) fn acquire(count: &AtomicUsize) {
    // Relaxed: the new handle is made from one that keeps the channel alive.
    if count.fetch_add(1, Ordering::Relaxed) > usize::MAX / 2 {
        abort();
    }
}

/// One handle less. True for the last one of its side.
#[inline]
pub(super) fn release(count: &AtomicUsize) -> bool {
    // AcqRel: pairs with itself in the other handles of this side; what they did happens before the last
    // one closes.
    count.fetch_sub(1, Ordering::AcqRel) == 1
}

impl<T> Chan<T> {
    /// Frees the channel if the other side is gone too.
    ///
    /// # Safety
    ///
    /// `chan` comes from `Box::leak`. Called once for each side, after its last handle's last use.
    pub(super) unsafe fn side_gone(chan: NonNull<Chan<T>>) {
        // AcqRel: pairs with itself in the other side; what that did happens before the free.
        // SAFETY: alive until both sides have been here (contract).
        if unsafe { chan.as_ref() }.one_side_gone.swap(true, Ordering::AcqRel) {
            // SAFETY: from `Box::leak`, and nobody has it any more.
            drop(unsafe { Box::from_raw(chan.as_ptr()) });
        }
    }
}
