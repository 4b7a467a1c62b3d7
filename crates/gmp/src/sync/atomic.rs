//! The atomics of this folder, from one place.
//!
//! Every protocol here takes its atomics from this file, so that a model checker's types can stand in for
//! std's without a change elsewhere. Used by `gmp::sync` and `gmp::context` only.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicUsize, Ordering,
};

/// A word of a protocol that lies in statics as well as in models: std's there, a model checker's here.
pub(crate) trait Word<V> {
    /// Loads it.
    fn get(&self, order: Ordering) -> V;

    /// Stores a value.
    fn put(&self, value: V, order: Ordering);

    /// `to`, if it was `from`; what it was, if not. Relaxed then.
    fn cas(&self, from: V, to: V, order: Ordering) -> Result<(), V>;

    /// Subtracts; what it was.
    fn sub(&self, value: V, order: Ordering) -> V;

    /// Clears the bits that are not in `mask`.
    fn and(&self, mask: V, order: Ordering);

    /// Sets bits.
    fn or(&self, bits: V, order: Ordering);
}

/// The same methods on either atomic. How it stores is said: loom 0.7 lets a compare-and-exchange follow a store that does
/// not order it, so there the store is a swap.
macro_rules! word {
    ($atomic:ty, $value:ty, $store:ident) => {
        impl crate::sync::atomic::Word<$value> for $atomic {
            #[inline]
            fn get(&self, order: Ordering) -> $value {
                self.load(order)
            }

            #[inline]
            fn put(&self, value: $value, order: Ordering) {
                self.$store(value, order);
            }

            #[inline]
            fn cas(&self, from: $value, to: $value, order: Ordering) -> Result<(), $value> {
                self.compare_exchange(from, to, order, Ordering::Relaxed).map(|_| ())
            }

            #[inline]
            fn sub(&self, value: $value, order: Ordering) -> $value {
                self.fetch_sub(value, order)
            }

            #[inline]
            fn and(&self, mask: $value, order: Ordering) {
                self.fetch_and(mask, order);
            }

            #[inline]
            fn or(&self, bits: $value, order: Ordering) {
                self.fetch_or(bits, order);
            }
        }
    };
}

word!(AtomicU32, u32, store);
word!(AtomicUsize, usize, store);

#[cfg(all(test, loom))]
mod stand_in {
    use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    word!(AtomicU32, u32, swap);
    word!(AtomicUsize, usize, swap);
}
