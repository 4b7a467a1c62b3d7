//! The lock of a standard stream: its owner is a goroutine or a plain thread, which may take it again.
//!
//! std's locks of the same purpose belong to the OS thread; a goroutine that parks while it holds one gives it
//! to whoever runs there next. This one is a mutex of goroutines and a note of who has it. Used by this folder.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gmp_sched::Current;

use crate::sync::RawMutex;

/// Nobody's name.
const NOBODY: u64 = 0;

/// The lock.
#[derive(Debug)]
pub(super) struct Reentrant {
    mutex: RawMutex,
    owner: AtomicU64,
    /// How often the owner has it; touched by the owner only.
    depth: AtomicUsize,
}

/// The lock, held by this goroutine or thread until dropped; so it stays with it.
#[derive(Debug)]
pub(super) struct Held {
    lock: &'static Reentrant,
    stays: PhantomData<*const ()>,
}

impl Reentrant {
    /// Nobody has it.
    pub(super) const fn new() -> Reentrant {
        Reentrant {
            mutex: RawMutex::new(),
            owner: AtomicU64::new(NOBODY),
            depth: AtomicUsize::new(0),
        }
    }

    /// Takes it. Parks the goroutine, blocks a plain thread, while another has it.
    pub(super) fn lock(&'static self) -> Held {
        let me = me();
        // Relaxed: it is `me` only if this very party wrote it, and other values mean the same.
        if self.owner.load(Ordering::Relaxed) != me {
            self.mutex.lock();
            // Relaxed: as above; the mutex orders everything else.
            self.owner.store(me, Ordering::Relaxed);
        }
        // Relaxed: the owner's.
        self.depth.fetch_add(1, Ordering::Relaxed);
        Held { lock: self, stays: PhantomData }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Relaxed: the owner's.
        if self.lock.depth.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        // Relaxed: as in `lock`.
        self.lock.owner.store(NOBODY, Ordering::Relaxed);
        // SAFETY: taken in `lock` by this party, which has no other `Held` any more.
        unsafe { self.lock.mutex.unlock() };
    }
}

/// A name that no two parties have at a time: a goroutine's number, or the address of something that a thread
/// has for itself. Not inlined, so that the address is not kept over a park.
#[inline(never)]
fn me() -> u64 {
    thread_local! {
        static MINE: u8 = const { 0 };
    }
    match Current::get() {
        Some(goroutine) => goroutine.id().as_u64() << 1 | 1,
        None => MINE.with(|mine| std::ptr::from_ref(mine).addr() as u64) << 1,
    }
}
