//! The buffer of a bounded channel: a ring whose places are allocated once, when the channel is made.
//!
//! ```text
//!    slots   ┌───┬───┬───┬───┬───┬───┐
//!            │ d │   │   │ a │ b │ c │     len = 4
//!            └───┴───┴───┴───┴───┴───┘
//!                          ▲ head
//! ```
//!
//! The length is the channel's ([`State::len`](super::core::State)), so that who does not know the element
//! type knows it too. Used by `store`.

use std::mem::MaybeUninit;

/// Places for values; which of them are filled, the owner knows.
pub(super) struct Ring<T> {
    slots: Box<[MaybeUninit<T>]>,
    head: usize,
}

impl<T> Ring<T> {
    /// Panics when the size overflows; aborts when there is no memory.
    pub(super) fn new(cap: usize) -> Ring<T> {
        Ring { slots: Box::new_uninit_slice(cap), head: 0 }
    }

    /// The place behind the last of `len` values, `len` being less than the capacity.
    #[inline]
    pub(super) fn back(&mut self, len: usize) -> *mut T {
        let mut at = self.head + len;
        if at >= self.slots.len() {
            at -= self.slots.len();
        }
        self.slots[at].as_mut_ptr()
    }

    /// The place of the first value, which the ring counts as free from now on.
    #[inline]
    pub(super) fn front(&mut self) -> *const T {
        let at = self.head;
        self.head = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        self.slots[at].as_ptr()
    }
}
