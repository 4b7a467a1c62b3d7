//! The concurrency primitives of this crate: std's, or loom's under `--cfg loom`.
//!
//! Protocols that are model-checked take their atomics from here, so that the text that is checked is
//! the text that runs. Statics, and code that switches stacks, cannot run under loom and take [`plain`].
//! [`mutant`] lets a gate break one named step of a protocol and see that its model notices.

/// Whether the step called `name` is to be broken: never, but in a build for models whose run was asked to, by
/// `GMP_MUTANT=name`.
#[inline(always)]
pub(crate) fn mutant(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    cfg!(loom) && ASKED.get_or_init(|| std::env::var("GMP_MUTANT").ok()).as_deref() == Some(name)
}

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// The frequent side of an asymmetric fence: the compiler's only. The rare side is `Preempt::barrier`.
    #[inline(always)]
    pub(crate) fn light_fence() {
        // SeqCst: nothing moves over it, in either direction, as a handler on this thread sees it.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }

    /// Runs a model once, on plain threads.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        body();
    }

    #[cfg(test)]
    pub(crate) use std::sync::{Condvar, Mutex};
    #[cfg(test)]
    pub(crate) use std::thread;
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// A full fence: a model has no kernel that would pass one on this side's behalf.
    pub(crate) fn light_fence() {
        if !super::mutant("hold_no_light_fence") {
            // SeqCst fence (retake.md, E2): pairs with R2.
            fence(Ordering::SeqCst);
        }
    }

    /// Runs a model through every interleaving that loom explores.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        loom::model(body);
    }

    #[cfg(test)]
    pub(crate) use loom::sync::{Condvar, Mutex};
    #[cfg(test)]
    pub(crate) use loom::thread;

    impl super::WordLike for AtomicU32 {
        fn get(&self, order: Ordering) -> u32 {
            self.load(order)
        }

        fn swap(&self, value: u32, order: Ordering) -> u32 {
            AtomicU32::swap(self, value, order)
        }

        fn cas(&self, from: u32, to: u32, order: Ordering) -> bool {
            self.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
        }

        fn put(&self, value: u32, order: Ordering) {
            self.store(value, order);
        }

        fn add(&self, n: u32, order: Ordering) {
            self.fetch_add(n, order);
        }
    }
}

pub(crate) use imp::*;

/// A word of a protocol that lies in statics as well as in models: std's there, loom's here.
pub(crate) trait WordLike {
    /// Loads it.
    fn get(&self, order: Ordering) -> u32;

    /// Stores `value`, and returns what was there.
    fn swap(&self, value: u32, order: Ordering) -> u32;

    /// `to`, if it was `from`; whether it was. Relaxed if not.
    fn cas(&self, from: u32, to: u32, order: Ordering) -> bool;

    /// Stores `value`.
    fn put(&self, value: u32, order: Ordering);

    /// Adds `n`, wrapping.
    fn add(&self, n: u32, order: Ordering);
}

impl WordLike for plain::AtomicU32 {
    #[inline]
    fn get(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        plain::AtomicU32::swap(self, value, order)
    }

    #[inline]
    fn cas(&self, from: u32, to: u32, order: Ordering) -> bool {
        self.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn put(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn add(&self, n: u32, order: Ordering) {
        self.fetch_add(n, order);
    }
}

/// std's own types, for statics and for what loom does not model.
pub(crate) mod plain {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
        Ordering, compiler_fence, fence,
    };
}
