//! The concurrency primitives of this crate: std's, or loom's under `--cfg loom`.
//!
//! The protocols (`desc.rs`, `wake.rs`, `table.rs`) take their atomics from here, so that the text that
//! is checked is the text that runs. What loom cannot see (kernel events, parked threads) takes [`plain`].
//! [`mutant`] lets a gate break one named step of a protocol and see that its model notices.

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };

    /// Runs a model's body on plain threads, often enough to meet other interleavings.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        (0..200).for_each(|_| body());
    }

    #[cfg(test)]
    pub(crate) use std::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };

    /// Runs a model through every interleaving that loom explores.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        loom::model(body);
    }

    #[cfg(test)]
    pub(crate) use loom::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };
}

pub(crate) use imp::*;

/// std's own types, for what loom does not model.
pub(crate) mod plain {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
}

/// Whether the step called `name` is to be broken: never, but in a build for models whose run was asked to, by
/// `GMP_MUTANT=name`.
#[inline(always)]
pub(crate) fn mutant(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    cfg!(loom) && ASKED.get_or_init(|| std::env::var("GMP_MUTANT").ok()).as_deref() == Some(name)
}
