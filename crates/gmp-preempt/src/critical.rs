//! The no-preempt section: code in which the thread cannot be stopped.
//!
//! A stop can come at any instruction. A lock that the monitor itself needs, or a half-made data
//! structure that the handler reads, must not be caught in the middle. [`critical()`] is the answer:
//! between it and the drop of what it returns the handler returns at once and leaves the request where it
//! is; the end of the section serves it. Entering and leaving are plain loads and stores of a counter that
//! only its own thread writes, for the handler runs on that same thread: the two are never concurrent, only
//! interleaved, and a compiler fence is all that is needed. Any thread may use it.
//!
//! ```text
//!   the thread                          its handler, between any two of these
//!   C1 depth + 1                        S1 depth > 0: return, REQUESTED stays set
//!      ... the section ...              S2 else depth + 1, serve (H1..H3 of word.rs), C2
//!   C2 depth - 1
//!   C3 outermost: REQUESTED still set?
//!      no: done
//!      yes: depth + 1, serve it, C2
//! ```
//!
//! Feared: the signal comes just before C2 and is left alone, and nobody ever serves it. C3 comes after
//! C2: a handler before C2 has left the bit for C3, one after C2 serves it itself. Feared: while C3
//! serves, a resume and a second request make the handler serve too, inside the first. So C3 serves with
//! the section entered again.
//!
//! Inside a section: do not allocate or free (a stopped thread may hold the allocator's lock), do not run
//! code that you do not know, take no lock that other code can hold, do not block, be short.

use std::{fmt, marker::PhantomData};

use crate::{
    current,
    sync::{
        mutant,
        plain::{AtomicU32, Ordering, compiler_fence},
        signal_point,
    },
};

/// Enters a section in which the calling thread is not stopped, until the returned guard is dropped.
///
/// Sections nest. About a nanosecond; neither blocks nor allocates. On a thread that nobody
/// [attached](crate::Target::attach) it only counts.
#[inline]
pub fn critical() -> Critical {
    current::with(|local| local.section().enter());
    Critical(PhantomData)
}

/// A section in which the thread is not stopped; it ends when this is dropped.
///
/// Dropping the outermost one may stop the thread there and then, if that was asked for meanwhile.
#[must_use = "the section ends when this is dropped"]
pub struct Critical(PhantomData<*const ()>);

impl fmt::Debug for Critical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Critical")
    }
}

impl Drop for Critical {
    #[inline]
    fn drop(&mut self) {
        current::with(current::Local::leave);
    }
}

/// The counter behind [`critical()`], one per thread.
///
/// An atomic only because a signal handler reads it too; every access is a plain load or store.
#[derive(Debug)]
pub(crate) struct Section(AtomicU32);

impl Section {
    pub(crate) const fn new() -> Section {
        Section(AtomicU32::new(0))
    }

    /// S1: whether the handler has to leave at once.
    #[inline]
    pub(crate) fn is_entered(&self) -> bool {
        // Relaxed: written by this thread only, and this is that thread.
        self.0.load(Ordering::Relaxed) != 0
    }

    /// C1.
    #[inline]
    pub(crate) fn enter(&self) {
        signal_point();
        self.add(1);
        // Compiler fence: pairs with S1 in the handler on this very thread; nothing of the section
        // moves above the count.
        compiler_fence(Ordering::SeqCst);
        signal_point();
    }

    /// C2 and C3. `requested` looks for a request; `serve` does what the handler would have done.
    #[inline]
    pub(crate) fn leave(&self, requested: impl Fn() -> bool, mut serve: impl FnMut()) {
        signal_point();
        loop {
            // Compiler fence: pairs with S1; nothing of the section moves below the count.
            compiler_fence(Ordering::SeqCst);
            let depth = self.add(u32::MAX);
            // Compiler fence: pairs with S1; the look for a request stays behind the count (C3).
            compiler_fence(Ordering::SeqCst);
            signal_point();
            // Mutant: does not look for a request that the handler left alone.
            if depth > 0 || !requested() || mutant("preempt_leave_recheck") {
                return;
            }
            // Mutant: serves a request without holding further signals off.
            if mutant("preempt_leave_guarded") {
                return serve();
            }
            self.enter();
            serve();
            signal_point();
        }
    }

    /// Wrapping, so that `u32::MAX` subtracts one. A load and a store: only this thread writes.
    #[inline]
    fn add(&self, change: u32) -> u32 {
        // Relaxed, twice: written by this thread only; its handlers leave it as they found it.
        let depth = self.0.load(Ordering::Relaxed).wrapping_add(change);
        self.0.store(depth, Ordering::Relaxed);
        depth
    }
}

#[cfg(test)]
#[path = "critical_tests.rs"]
mod tests;
