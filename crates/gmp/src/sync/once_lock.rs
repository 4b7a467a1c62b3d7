//! `OnceLock<T>`: a cell that is written once.
//!
//! [`Once`] decides who writes; afterwards the value is only read, so reading is one load.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;

use super::once::Once;

/// A cell that is written once and read by all.
///
/// ```
/// static NAME: gmp::sync::OnceLock<String> = gmp::sync::OnceLock::new();
/// assert_eq!(NAME.get_or_init(|| "gmp".to_string()), "gmp");
/// assert!(NAME.set("other".to_string()).is_err());
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// Written by the call that completes `once`; only read after that.
    value: UnsafeCell<Option<T>>,
    /// Dropping the cell drops a `T`.
    marker: PhantomData<T>,
}

// SAFETY: the value may be written on one thread and read on others (`Sync`), or dropped there (`Send`).
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// An empty cell.
    pub const fn new() -> OnceLock<T> {
        OnceLock { once: Once::new(), value: UnsafeCell::new(None), marker: PhantomData }
    }

    /// The value, if it has been written. Neither parks nor blocks.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_completed() {
            return None;
        }
        // SAFETY: the call has been completed, so nobody writes any more.
        unsafe { &*self.value.get() }.as_ref()
    }

    /// The value, out of the exclusively borrowed cell. Neither parks nor blocks.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Writes `value` if the cell is empty; else gives it back. Parks the goroutine, blocks a plain thread,
    /// while somebody else's initialisation is in progress.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.once.call_once(|| self.write(&mut value));
        value.map_or(Ok(()), Err)
    }

    /// The value; an empty cell gets that of `f` first. Of several callers one runs its `f`; the others park
    /// (plain threads block) until it is done. When `f` panics the cell stays empty and the panic goes on;
    /// the next caller runs its own `f`. An `f` that uses the same cell waits for itself.
    #[inline]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.init(f)
    }

    #[cold]
    fn init(&self, f: impl FnOnce() -> T) -> &T {
        self.once.call_once(|| self.write(&mut Some(f())));
        match self.get() {
            Some(value) => value,
            None => unreachable!("a completed call has written the value"),
        }
    }

    /// Moves `value` into the cell. Called by the one call of `once` that is in progress.
    fn write(&self, value: &mut Option<T>) {
        // SAFETY: one call at a time, and no reader before it is completed, so nobody else has the value.
        unsafe { *self.value.get() = value.take() };
    }

    /// The value, out of a cell that nobody shares any more. Neither parks nor blocks.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out; the cell is empty again. Neither parks nor blocks.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let cell = OnceLock::new();
        cell.once.call_once(|| cell.write(&mut Some(value)));
        cell
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().map_or_else(OnceLock::new, |value| OnceLock::from(value.clone()))
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.get()).finish()
    }
}
