//! What valgrind is told: each slot of a slab is a stack, and what lies below a top may be written to again.

use core::ptr::NonNull;

use crate::{arch, slab};

/// Whether slabs stay mapped: it is not told that a stack is gone.
pub(crate) const KEEP_SLABS: bool = true;

/// Tells of a stack.
pub(crate) fn register(low: usize, high: usize) {
    /// `VG_USERREQ__STACK_REGISTER`
    const STACK_REGISTER: usize = 0x1501;
    arch::valgrind_request([STACK_REGISTER, low, high, 0, 0, 0]);
}

/// Tells that what lies below `top` may be written to again, whatever was returned from there.
pub(crate) fn reuse(top: NonNull<u8>) {
    /// `VG_USERREQ__MAKE_MEM_UNDEFINED`
    const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
    let top = top.addr().get();
    if let Some(place) = slab::find(top - 1) {
        let len = top - place.limit;
        arch::valgrind_request([MAKE_MEM_UNDEFINED, place.limit, len, 0, 0, 0]);
    }
}
