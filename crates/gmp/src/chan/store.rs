//! Where a channel keeps what was sent and not yet received: nowhere, in a ring, or in a chain of blocks.
//!
//! All calls happen with the channel locked; the count of values is the channel's. Used by `flow`.

use std::ptr::{self, NonNull};

use super::list::{Back, Block, List};
use super::ring::Ring;

/// The buffer, by capacity.
pub(super) enum Store<T> {
    /// Capacity 0: values go from hand to hand.
    None,
    /// A fixed capacity.
    Ring(Ring<T>),
    /// No limit.
    List(List<T>),
}

impl<T> Store<T> {
    /// Moves the value at `value` behind the `len` others. False: nothing has moved, a block is needed.
    ///
    /// # Safety
    ///
    /// `value` is a value that is the buffer's from now on (when true); there is room.
    #[inline]
    pub(super) unsafe fn push(&mut self, len: usize, value: *const T) -> bool {
        let place = match self {
            Store::Ring(ring) => ring.back(len),
            Store::List(list) => match list.back() {
                Back::Place(place) => place,
                Back::NeedBlock => return false,
            },
            Store::None => unreachable_store(),
        };
        // SAFETY: a free place of the buffer, and the value of the caller (contract).
        unsafe { ptr::copy_nonoverlapping(value, place, 1) };
        true
    }

    /// Moves the first of `len + 1` values to `place`. Returns a block to be freed after unlocking.
    ///
    /// # Safety
    ///
    /// There is a first value; `place` takes it.
    #[inline]
    pub(super) unsafe fn pop(&mut self, len: usize, place: *mut T) -> Option<NonNull<()>> {
        match self {
            Store::Ring(ring) => {
                // SAFETY: the first place is filled (contract), and free from now on.
                unsafe { ptr::copy_nonoverlapping(ring.front(), place, 1) };
                None
            }
            Store::List(list) => {
                // SAFETY: as above.
                unsafe { ptr::copy_nonoverlapping(list.front(), place, 1) };
                list.advance(len).map(NonNull::cast::<()>)
            }
            Store::None => unreachable_store(),
        }
    }

    /// Hands in a block; gives back one too many.
    pub(super) fn supply(&mut self, block: NonNull<Block<T>>) -> Option<NonNull<Block<T>>> {
        match self {
            Store::List(list) => list.supply(block),
            _ => Some(block),
        }
    }
}

#[cold]
fn unreachable_store() -> ! {
    unreachable!("a rendezvous channel has no buffer")
}
