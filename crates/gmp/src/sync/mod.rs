//! Locks, groups and once-cells that park goroutines, with std's shapes and Go's meaning.
//!
//! Every type here works from goroutines and from plain threads, mixed freely: a goroutine that has to wait
//! is parked and its thread runs others; a plain thread blocks. Nothing here is tied to a thread, so guards
//! may be held over a park and sent elsewhere.
//!
//! # Guarantees
//!
//! - There is no poisoning: a guard that is dropped while its goroutine unwinds releases like any other.
//!   The one exception is [`LazyLock`], as in std.
//! - [`Mutex`]: a waiter that has waited for more than 1 ms is served before newcomers.
//! - [`RwLock`]: a waiting writer stops new readers; a writer that leaves lets in the readers that wait.
//! - [`Condvar`], [`Semaphore`]: first come, first served; no spurious wake-ups.
//! - What happened before a release, a notification or a `done` is visible after the wait that it ends.
//!
//! # How it works today
//!
//! Each primitive is a word of state for the case that nobody waits, and a queue of nodes on the waiting
//! stacks for the rest. Waiting allocates nothing.

pub(crate) mod atomic;
mod barrier;
mod condvar;
mod err_group;
mod lazy_lock;
mod mutex;
mod mutex_word;
mod once;
mod once_lock;
mod raw_mutex;
mod raw_rwlock;
mod rwlock;
mod semaphore;
mod semaphore_word;
mod single_flight;
mod unwind;
mod wait_group;
mod wait_list;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::Condvar;
pub use err_group::ErrGroup;
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Semaphore, SemaphoreGuard};
pub use single_flight::SingleFlight;
pub use wait_group::WaitGroup;

pub(crate) use raw_mutex::RawMutex;

use atomic::{AtomicU8, Ordering};

/// Whether spinning can help: somebody else can run while we spin.
fn spin_helps() -> bool {
    /// 0 unknown, 1 no, 2 yes.
    static HELPS: AtomicU8 = AtomicU8::new(0);
    // Relaxed: every thread computes the same answer.
    match HELPS.load(Ordering::Relaxed) {
        0 => {
            let helps = std::thread::available_parallelism().is_ok_and(|n| n.get() > 1);
            HELPS.store(if helps { 2 } else { 1 }, Ordering::Relaxed);
            helps
        }
        known => known == 2,
    }
}
