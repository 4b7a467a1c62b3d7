//! The atomics of this folder, from one place, so that a model checker's types could stand in for std's.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
