//! The atomics of this folder, from one place.
//!
//! Every protocol here takes its atomics from this file, so that a model checker's types can stand in for
//! std's without a change elsewhere. Used by `gmp::sync` and `gmp::context` only.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicUsize, Ordering,
};
