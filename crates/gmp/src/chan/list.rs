//! The buffer of an unbounded channel: a chain of blocks, filled at the back and emptied at the front.
//!
//! Nothing may be allocated or freed while the channel is locked. So a push that needs a block and finds
//! none spare says so; the sender unlocks, allocates, locks, hands the block in and tries again. A block
//! that was emptied is kept as the spare; with a spare at hand it is given to the receiver, who frees it
//! after unlocking. In steady state one spare circulates and the allocator is not called.
//!
//! ```text
//!   head ──▶ ┌ next ┐ ──▶ ┌ next ┐ ──▶ ┌ next=∅ ┐ ◀── tail
//!            │ ░░cd │     │ efgh │     │ ij     │
//!            └──────┘     └──────┘     └────────┘
//!              ▲ head_at                  ▲ tail_at
//! ```

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// Bytes that a block of small elements has, about: a few cache lines per call of the allocator.
const BLOCK_BYTES: usize = 1024;
/// Elements of a block at most: zero-sized ones need a bound.
const BLOCK_MAX: usize = 64;

/// A stretch of places.
pub(super) struct Block<T> {
    next: *mut Block<T>,
    slots: Box<[MaybeUninit<T>]>,
}

/// The chain. Which places are filled follows from the cursors and the channel's length.
pub(super) struct List<T> {
    head: *mut Block<T>,
    head_at: usize,
    tail: *mut Block<T>,
    tail_at: usize,
    spare: *mut Block<T>,
}

/// What a push found.
pub(super) enum Back<T> {
    /// Write here.
    Place(*mut T),
    /// Allocate a block, [`List::supply`] it and try again.
    NeedBlock,
}

impl<T> Block<T> {
    const LEN: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let fit = BLOCK_BYTES / size;
        // At least 2, so that large elements do not pay two allocations each.
        if fit > BLOCK_MAX {
            BLOCK_MAX
        } else if fit < 2 {
            2
        } else {
            fit
        }
    };

    /// A block on the heap. Call it without the lock.
    pub(super) fn allocate() -> NonNull<Block<T>> {
        let block =
            Box::new(Block { next: ptr::null_mut(), slots: Box::new_uninit_slice(Self::LEN) });
        NonNull::from(Box::leak(block))
    }

    /// A block with one value. Call it without the lock.
    pub(super) fn with(value: T) -> NonNull<Block<T>> {
        let mut block = Self::allocate();
        // SAFETY: allocated just now.
        unsafe { block.as_mut() }.slots[0].write(value);
        block
    }

    /// The place of the value of a block made by `with`.
    ///
    /// # Safety
    ///
    /// `block` is alive and the caller's.
    pub(super) unsafe fn value(block: NonNull<Block<T>>) -> *const T {
        // SAFETY: contract.
        unsafe { block.as_ref() }.slots[0].as_ptr()
    }

    /// Frees a block, whose values are the caller's business. Call it without the lock.
    ///
    /// # Safety
    ///
    /// `block` comes from `allocate` and is in no list.
    pub(super) unsafe fn free(block: NonNull<Block<T>>) {
        // SAFETY: from `Box::leak` (contract), owned by the caller.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
    }
}

/// Values that came back, one in the first place of each block, first come first.
pub(super) struct Chain<T> {
    head: *mut Block<T>,
    tail: *mut Block<T>,
}

impl<T> Chain<T> {
    pub(super) const fn new() -> Chain<T> {
        Chain { head: ptr::null_mut(), tail: ptr::null_mut() }
    }

    /// Links a block from `Block::with` behind the others.
    pub(super) fn push(&mut self, block: NonNull<Block<T>>) {
        if self.tail.is_null() {
            self.head = block.as_ptr();
        } else {
            // SAFETY: blocks of the chain are alive and only reached through it.
            unsafe { (*self.tail).next = block.as_ptr() };
        }
        self.tail = block.as_ptr();
    }

    /// Takes the first block out.
    pub(super) fn pop(&mut self) -> Option<NonNull<Block<T>>> {
        let block = NonNull::new(self.head)?;
        // SAFETY: alive, as in `push`.
        self.head = unsafe { block.as_ref() }.next;
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        Some(block)
    }
}

impl<T> List<T> {
    pub(super) const fn new() -> List<T> {
        List {
            head: ptr::null_mut(),
            head_at: 0,
            tail: ptr::null_mut(),
            tail_at: 0,
            spare: ptr::null_mut(),
        }
    }

    /// The place behind the last value, counted as filled from now on.
    #[inline]
    pub(super) fn back(&mut self) -> Back<T> {
        if self.tail.is_null() || self.tail_at == Block::<T>::LEN {
            if self.spare.is_null() {
                return Back::NeedBlock;
            }
            let block = std::mem::replace(&mut self.spare, ptr::null_mut());
            if self.tail.is_null() {
                self.head = block;
                self.head_at = 0;
            } else {
                // SAFETY: blocks of the chain are alive and only reached through this list.
                unsafe { (*self.tail).next = block };
            }
            self.tail = block;
            self.tail_at = 0;
        }
        let at = self.tail_at;
        self.tail_at += 1;
        // SAFETY: alive, as above.
        let slots = unsafe { &mut (*self.tail).slots };
        Back::Place(slots[at].as_mut_ptr())
    }

    /// Hands in a block that the next push may need; gives back one too many.
    pub(super) fn supply(&mut self, block: NonNull<Block<T>>) -> Option<NonNull<Block<T>>> {
        if !self.spare.is_null() {
            return Some(block);
        }
        self.spare = block.as_ptr();
        None
    }

    /// The place of the first value. There is one (caller).
    #[inline]
    pub(super) fn front(&mut self) -> *const T {
        // SAFETY: there is a value, so there is a block; alive, as in `back`.
        let slots = unsafe { &(*self.head).slots };
        slots[self.head_at].as_ptr()
    }

    /// After the first value was moved out and `len` are left: moves on, and returns a block to be freed
    /// after unlocking.
    #[inline]
    pub(super) fn advance(&mut self, len: usize) -> Option<NonNull<Block<T>>> {
        self.head_at += 1;
        if len == 0 {
            // A block is linked by the push that fills its first place: with nothing left there is one block.
            debug_assert_eq!(self.head, self.tail);
            (self.head_at, self.tail_at) = (0, 0);
            return None;
        }
        if self.head_at < Block::<T>::LEN {
            return None;
        }
        let old = self.head;
        // SAFETY: alive, as in `back`.
        self.head = unsafe { (*old).next };
        self.head_at = 0;
        // SAFETY: as above; it left the chain just now.
        unsafe { (*old).next = ptr::null_mut() };
        if self.spare.is_null() {
            self.spare = old;
            return None;
        }
        NonNull::new(old)
    }
}

impl<T> Drop for List<T> {
    /// Frees the blocks. The values were dropped by the channel.
    fn drop(&mut self) {
        let mut next = self.head;
        while let Some(block) = NonNull::new(next) {
            // SAFETY: alive; the list is dropped, so nobody else has it.
            next = unsafe { block.as_ref() }.next;
            // SAFETY: from `allocate`, and the chain is being taken apart.
            unsafe { Block::free(block) };
        }
        if let Some(block) = NonNull::new(self.spare) {
            // SAFETY: as above.
            unsafe { Block::free(block) };
        }
    }
}
