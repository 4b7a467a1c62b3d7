//! `LazyLock<T>`: a value that is computed when it is first looked at.
//!
//! A [`OnceLock`] and the function that fills it. As in std, and unlike `OnceLock`, a panic of that
//! function poisons: the function has been used up, so there is nothing to try again with.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;

use super::once_lock::OnceLock;

/// A value that is computed on first access.
///
/// ```
/// static SQUARES: gmp::sync::LazyLock<Vec<u32>> =
///     gmp::sync::LazyLock::new(|| (0..10).map(|n| n * n).collect());
/// assert_eq!(SQUARES[3], 9);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    cell: OnceLock<T>,
    /// Taken by the one call that initialises; `None` afterwards.
    init: Cell<Option<F>>,
}

// SAFETY: `init` is touched by the one initialising call, on whatever thread (`F: Send`); for the value see
// `OnceLock`.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will compute.
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock { cell: OnceLock::new(), init: Cell::new(Some(f)) }
    }

    /// The value, computed now if this is the first access. Parks the goroutine, blocks a plain thread,
    /// while somebody else computes it.
    ///
    /// # Panics
    ///
    /// With the function's own panic at the first access; at all later ones because of that.
    #[inline]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.cell.get_or_init(|| match this.init.take() {
            Some(f) => f(),
            None => panic!("a LazyLock is poisoned: its initialisation has panicked before"),
        })
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyLock").field(&self.cell.get()).finish()
    }
}
