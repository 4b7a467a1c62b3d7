//! What this folder shares between threads with: the scheduler's and std's, or under `--cfg loom` a model checker's.
//!
//! The text that is checked is the text that runs: `core`, `node`, `flow`, `select` and `gather` take their atomics,
//! cells, locks and waits from here. [`mutant`] lets a gate break one named step and see that its model notices.

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::cell::Cell;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};

    pub(crate) use gmp_sched::{
        Critical, Lock, LockGuard, Waiter, critical, fastrand, park, park_in, park_until,
    };

    /// Whether a model checker looks at every use of a [`Cell`].
    pub(crate) const CHECKED: bool = false;

    /// Something on a stack that others use. Costs nothing.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Lent;

    impl Lent {
        /// From now on others may use it.
        #[inline(always)]
        pub(crate) fn new() -> Lent {
            Lent
        }

        /// It is used.
        #[inline(always)]
        pub(crate) fn used(&self) {}

        /// From now on nobody uses it.
        #[inline(always)]
        pub(crate) fn gone(&self) {}
    }

    /// Where a park's commit finds `items` of the stack that is left: there.
    #[inline(always)]
    pub(crate) fn lend<T>(items: &[T]) -> *const T {
        items.as_ptr()
    }

    /// Runs a model once, on plain threads.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        body();
    }

    /// The commits of the calling thread's parks run elsewhere from now on. Plain threads have no elsewhere.
    #[cfg(test)]
    pub(crate) fn commit_elsewhere() {}

    #[cfg(test)]
    pub(crate) use std::thread;
}

#[cfg(loom)]
#[path = "stand_in.rs"]
mod imp;

pub(crate) use imp::*;

/// Whether the step called `name` is to be broken: never, but in a build for models whose run was asked to, by
/// `GMP_MUTANT=name`.
#[inline(always)]
pub(crate) fn mutant(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    cfg!(loom) && ASKED.get_or_init(|| std::env::var("GMP_MUTANT").ok()).as_deref() == Some(name)
}
