//! Generator: a coroutine that only hands values out, as an iterator.
//!
//! The smallest use of [`Coroutine`], and often the only one needed: write a recursive walk, consume it with `for`.

use core::iter::FusedIterator;
use std::io;

use crate::coroutine::{Coroutine, Resumed, Yielder};

/// An iterator whose `next` runs a closure up to its next `suspend`.
///
/// ```
/// let mut squares = gmp_context::Generator::new(|y| {
///     for n in 1_u64.. {
///         y.suspend(n * n);
///     }
/// });
/// assert_eq!(squares.nth(9), Some(100));
/// ```
#[derive(Debug)]
pub struct Generator<T: 'static>(Coroutine<(), T, ()>);

impl<T> Generator<T> {
    /// A generator with a stack of [`default_stack_size`](crate::default_stack_size).
    ///
    /// # Panics
    /// When there is no stack; see [`with_stack_size`](Self::with_stack_size).
    pub fn new(f: impl FnOnce(&Yielder<(), T>) + 'static) -> Generator<T> {
        Generator(Coroutine::new(move |yielder, ()| f(yielder)))
    }

    /// As [`new`](Self::new), with a stack of `size` bytes, rounded up to a power of two.
    ///
    /// # Errors
    /// As [`Coroutine::with_stack_size`].
    pub fn with_stack_size(
        size: usize,
        f: impl FnOnce(&Yielder<(), T>) + 'static,
    ) -> io::Result<Generator<T>> {
        Coroutine::with_stack_size(size, move |yielder, ()| f(yielder)).map(Generator)
    }
}

impl<T> Iterator for Generator<T> {
    type Item = T;

    /// The next value; none when the closure has returned. Its panics come out here.
    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.0.is_finished() {
            return None;
        }
        match self.0.resume(()) {
            Resumed::Yielded(value) => Some(value),
            Resumed::Returned(()) => None,
        }
    }
}

impl<T> FusedIterator for Generator<T> {}
