//! Segments: running a function on a larger stack, from a goroutine or a plain thread.
//!
//! As `gmp_context::grow`, but the stack comes from the runtime's pool, and its lock is held in a critical section: a
//! goroutine may be stopped at any instruction, and must not be with that lock. The function may park and go on on
//! another thread; the caller waits in the same goroutine, below it.

use std::io;
use std::ptr::NonNull;

use gmp_context::{Stack, StackMemory};

use crate::critical::critical;
use crate::scheduler::STACKS;

/// A stack of the runtime's pool, until dropped.
struct Segment(Option<Stack>);

impl Segment {
    fn new(size: usize) -> io::Result<Segment> {
        let section = critical();
        let taken = STACKS.try_reserve(size, 1).map(|()| STACKS.take(size));
        drop(section);
        Ok(Segment(Some(taken?)))
    }

    fn stack(&self) -> &Stack {
        match &self.0 {
            Some(stack) => stack,
            None => crate::fatal::abort("a segment is used after its end"),
        }
    }
}

// SAFETY: a pool's stack is exclusive, guarded and mapped until it is given back, which is when this is dropped.
unsafe impl StackMemory for Segment {
    fn top(&self) -> NonNull<u8> {
        self.stack().top()
    }

    fn limit(&self) -> NonNull<u8> {
        self.stack().limit()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let Some(stack) = self.0.take() else { return };
        let size = stack.size();
        let _section = critical();
        STACKS.give(stack);
        STACKS.unreserve(size, 1);
    }
}

/// Runs `f` on a stack of at least `size` bytes, rounded up to a power of two, and returns what it returns. A panic of
/// `f` goes on in the caller. `f` may park wherever the caller may.
///
/// # Panics
/// When there is no stack: no address space for one more, or `size` above 64 GiB. The text says which limit it was.
pub fn grow<R>(size: usize, f: impl FnOnce() -> R) -> R {
    match Segment::new(size) {
        Ok(segment) => gmp_context::grow_on(&segment, f),
        Err(error) => panic!("no stack to grow to: {error}"),
    }
}

/// Runs `f` where it is if at least `red_zone` bytes of stack are left, else as [`grow`] does.
///
/// # Panics
/// As [`grow`].
#[inline]
pub fn maybe_grow<R>(red_zone: usize, size: usize, f: impl FnOnce() -> R) -> R {
    if gmp_context::remaining() >= red_zone { f() } else { grow(size, f) }
}
