//! The atomics of the crate: core's, and for models under `--cfg loom` loom's.
//!
//! One protocol is modelled, the descriptors' in `descriptor.rs`, generic over its [`Word`] so that the text that is checked
//! is the text that runs. Everything else takes [`plain`], which statics and memory from the kernel can hold: the lock
//! (`lock.rs`), whose three states are explained there; the right to trim (`trim.rs`), one flag; the list of chunks
//! (`slab.rs`), which only grows, by one exchange each; and counts. [`mutant`] lets a gate break one named step of the
//! protocol and see that its model notices.

pub(crate) use imp::*;

/// A word of a protocol that lies in memory from the kernel as well as in models: core's there, loom's here.
pub(crate) trait Word {
    /// Loads it.
    fn get(&self, order: Ordering) -> usize;

    /// Stores `value`.
    fn put(&self, value: usize, order: Ordering);

    /// `to`, if it was `from`; whether it was. Relaxed if not.
    fn cas(&self, from: usize, to: usize, order: Ordering) -> bool;

    /// A fence for words of this kind.
    fn fence(order: Ordering);
}

impl Word for plain::AtomicUsize {
    #[inline]
    fn get(&self, order: Ordering) -> usize {
        self.load(order)
    }

    #[inline]
    fn put(&self, value: usize, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn cas(&self, from: usize, to: usize, order: Ordering) -> bool {
        self.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn fence(order: Ordering) {
        core::sync::atomic::fence(order);
    }
}

/// core's own types, for statics and what loom does not model.
pub(crate) mod plain {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
}

#[cfg(not(loom))]
mod imp {
    pub(crate) use core::sync::atomic::Ordering;

    /// Whether the step called `name` is to be broken: never.
    #[inline(always)]
    pub(crate) fn mutant(_name: &str) -> bool {
        false
    }

    /// Runs a model's body on plain threads, often enough to meet other interleavings.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        (0..200).for_each(|_| body());
    }

    #[cfg(test)]
    pub(crate) use core::{
        cell::Cell,
        sync::atomic::{AtomicBool, AtomicUsize},
    };
    #[cfg(test)]
    pub(crate) use std::{sync::Arc, thread};
}

#[cfg(loom)]
mod imp {
    pub(crate) use core::sync::atomic::Ordering;

    /// Whether the step called `name` is to be broken: if this run was asked to, by `GMP_MUTANT=name`.
    #[inline(always)]
    pub(crate) fn mutant(name: &str) -> bool {
        static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        ASKED.get_or_init(|| std::env::var("GMP_MUTANT").ok()).as_deref() == Some(name)
    }

    /// Runs a model through every interleaving that loom explores.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
        loom::model(body);
    }

    #[cfg(test)]
    pub(crate) use loom::{
        cell::Cell,
        sync::Arc,
        sync::atomic::{AtomicBool, AtomicUsize},
        thread,
    };

    #[cfg(test)]
    impl super::Word for AtomicUsize {
        fn get(&self, order: Ordering) -> usize {
            self.load(order)
        }

        fn put(&self, value: usize, order: Ordering) {
            self.store(value, order);
        }

        fn cas(&self, from: usize, to: usize, order: Ordering) -> bool {
            self.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
        }

        fn fence(order: Ordering) {
            loom::sync::atomic::fence(order);
        }
    }
}
