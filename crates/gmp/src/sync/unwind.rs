//! That a reference to any of these may be used by code that catches panics.
//!
//! A panic leaves none of them broken: guards release, waits end. What a `Mutex` or `RwLock` protects may be
//! half changed after a panic under the lock, as with any lock without poisoning; std's locks have these
//! traits, too, and code that is written for them compiles with these.

use std::panic::{RefUnwindSafe, UnwindSafe};

use super::{
    Barrier, Condvar, ErrGroup, LazyLock, Mutex, Once, OnceLock, RwLock, Semaphore, SingleFlight,
    WaitGroup,
};

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}
impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}
impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}
impl UnwindSafe for WaitGroup {}
impl RefUnwindSafe for WaitGroup {}
impl<E> UnwindSafe for ErrGroup<E> {}
impl<E> RefUnwindSafe for ErrGroup<E> {}
impl<K, V> UnwindSafe for SingleFlight<K, V> {}
impl<K, V> RefUnwindSafe for SingleFlight<K, V> {}
