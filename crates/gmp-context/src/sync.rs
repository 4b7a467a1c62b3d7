//! The atomics this crate uses, under one roof, as the house keeps them in every crate.
//!
//! Nothing here is modelled with loom: the only protocol of the crate is the lock in `lock.rs`, whose three states are
//! explained there. Any module of the crate may import from here, and from nowhere else.

pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
