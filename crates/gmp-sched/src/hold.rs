//! An M's hold on its P: kept in critical sections, lost without a word while the thread is in none, mostly asleep in the kernel.
//!
#![doc = include_str!("retake.md")]

use std::ptr;

use crate::sync::{AtomicPtr, AtomicU32, Ordering, light_fence, mutant};

const WANTED: usize = 1;
const GRANTED: usize = 2;
const MARK: usize = 4;
const BITS: usize = WANTED | GRANTED | MARK;
const LOST: usize = WANTED;
const HALTED: usize = WANTED | GRANTED;

/// The two words.
#[derive(Debug)]
pub(crate) struct Hold<P> {
    critical: AtomicU32,
    p: AtomicPtr<P>,
    /// How often a call has found a bit.
    wiped: AtomicU32,
}

/// What entering a section has found (E3).
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Go on.
    Quiet,
    /// A bit is set: call `settle`.
    Disturbed,
}

/// What became of the P (E4).
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The thread has it.
    Kept,
    /// It is gone, and nobody waits for this thread any more: it must find another one.
    Lost,
}

/// What the monitor sees of an M that had lost its P.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Still without.
    Still,
    /// Stopped in its handler: queue it.
    Halted,
    /// It has looked after itself.
    NoMore,
}

impl<P> Hold<P> {
    /// No P. A section is open: a thread begins on its scheduler's stack.
    pub(crate) fn new() -> Hold<P> {
        Hold {
            critical: AtomicU32::new(1),
            p: AtomicPtr::new(ptr::null_mut()),
            wiped: AtomicU32::new(0),
        }
    }

    /// E1 to E3.
    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        // Relaxed: one writer, this thread; its handler leaves the count as it found it.
        let n = self.critical.load(Ordering::Relaxed);
        // Relaxed: ordered by the fence.
        self.critical.store(n + 1, Ordering::Relaxed);
        // Light fence (retake.md, E2): pairs with R2 in `retake`; and the handler on this thread sees the count
        // before anything of the section.
        light_fence();
        // Relaxed: a bit leads to `settle`; without one the P is as this thread left it.
        let disturbed = self.p.load(Ordering::Relaxed).addr() & BITS != 0;
        if disturbed && n == 0 && !mutant("hold_entry_blind") {
            return Entered::Disturbed;
        }
        Entered::Quiet
    }

    /// L1; returns how many sections are still open.
    #[inline]
    pub(crate) fn leave(&self) -> u32 {
        // Relaxed: one writer, this thread.
        let n = self.critical.load(Ordering::Relaxed) - 1;
        let order =
            if mutant("hold_leave_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release (L1): pairs with Acquire in `retake` (R3); what the section wrote is the next owner's to see.
        self.critical.store(n, order);
        n
    }

    /// Whether a section is open. By the thread and its handler.
    #[inline]
    pub(crate) fn is_critical(&self) -> bool {
        // Relaxed: this thread's own word.
        self.critical.load(Ordering::Relaxed) != 0
    }

    /// Whether a section is open, as another thread sees it.
    pub(crate) fn is_seen_critical(&self) -> bool {
        // Acquire: pairs with Release in `leave`; what the section did is visible to who finds it closed.
        self.critical.load(Ordering::Acquire) != 0
    }

    /// E4, in the section that was just entered.
    #[cold]
    pub(crate) fn settle(&self) -> Settled {
        // Relaxed, both: a figure that this thread alone writes. Also without a mark: a call that finds the P gone, or granted
        // anew, is one like others.
        self.wiped.store(self.wiped.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.settle_as(ptr::null_mut())
    }

    /// E4 in the handler, where a thread that has lost its P stops: `Lost` means that the monitor will queue it.
    pub(crate) fn settle_in_handler(&self) -> Settled {
        self.settle_as(of(HALTED))
    }

    fn settle_as(&self, gone: *mut P) -> Settled {
        // Acquire: pairs with Release in `grant`.
        let mut seen = self.p.load(Ordering::Acquire);
        loop {
            let (new, settled) = match seen.addr() {
                LOST => (gone, Settled::Lost),
                _ => (seen.map_addr(|a| a & !BITS), Settled::Kept),
            };
            // Acquire: as above. Release: pairs with Acquire in `lost`; the monitor queues what this thread has left.
            match self.p.compare_exchange(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return settled,
                Err(now) => seen = now,
            }
        }
    }

    /// Whether the goroutine goes on: the thread has a P, or has lost it and has not been stopped for that. By anybody, of
    /// whom it is a hint.
    pub(crate) fn goes_on(&self) -> bool {
        !self.p().is_null() || self.lost() == Lost::Still
    }

    /// The P. By the thread, in a section; to anybody else a hint.
    #[inline]
    pub(crate) fn p(&self) -> *mut P {
        // Relaxed: this thread's own word, apart from the bits; `settle` has seen to what others left.
        self.p.load(Ordering::Relaxed).map_addr(|a| a & !BITS)
    }

    /// The P, by the handler, which may come between the halves of A2 (`handed.rs`).
    pub(crate) fn p_in_handler(&self) -> *mut P {
        let order =
            if mutant("hold_handler_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire: pairs with Release in `set`; what belongs to the P goes on to who takes over.
        self.p.load(order).map_addr(|a| a & !BITS)
    }

    /// Takes or lays down a P: by the thread in a section, or by whoever lets it go on afterwards.
    #[inline]
    pub(crate) fn set(&self, p: *mut P) {
        // Release: pairs with Acquire in `p_in_handler`; the monitor only compares. A WANTED that is overwritten makes R4 fail.
        self.p.store(p, Ordering::Release);
    }

    /// R1 to R4, by the monitor: whether `p` is its own now. `barrier` is the heavy fence.
    pub(crate) fn retake(&self, p: *mut P, barrier: impl FnOnce()) -> bool {
        // Relaxed: a first guess.
        let seen = self.p.load(Ordering::Relaxed);
        if seen.addr() & !BITS != p.addr() {
            return false;
        }
        let unmarked = seen.map_addr(|a| a & !MARK);
        let wanted = unmarked.map_addr(|a| a | WANTED);
        // Relaxed (R1): ordered by the fence.
        if self.p.compare_exchange(seen, wanted, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        if !mutant("hold_no_barrier") {
            barrier(); // R2: pairs with E2.
        }
        // Acquire (R3): pairs with Release in `leave` (L1).
        let critical = self.critical.load(Ordering::Acquire) != 0;
        if critical && !mutant("hold_retake_blind") {
            // Relaxed: takes a bit back; who has overwritten it is right.
            let _ = self.p.compare_exchange(wanted, unmarked, Ordering::Relaxed, Ordering::Relaxed);
            return false;
        }
        // Acquire (R4): pairs with Release in `grant`: the P may be one that was not looked at.
        self.p.compare_exchange(wanted, of(LOST), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// E5, by whoever wants to know whether the thread enters a section: leaves a mark, which entering wipes off (E4). False
    /// if it holds no P, or somebody wants that.
    pub(crate) fn mark(&self) -> bool {
        // Relaxed: a first guess.
        let seen = self.p.load(Ordering::Relaxed);
        if seen.is_null() || seen.addr() & BITS != 0 {
            return false;
        }
        // Not WANTED: that one, set again while `retake` goes on, would be taken for its own (R4).
        let mark = if mutant("hold_mark_wanted") { WANTED } else { MARK };
        let marked = seen.map_addr(|a| a | mark);
        // Relaxed: nothing is passed on.
        self.p.compare_exchange(seen, marked, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// How many calls have found a mark, or the P taken or granted. Being stopped does so, too, and does not count.
    pub(crate) fn wiped(&self) -> u32 {
        self.wiped.load(Ordering::Relaxed) // Relaxed: a figure.
    }

    /// G, by the monitor: gives `p` to a thread that computes without one. False when it is too late.
    pub(crate) fn grant(&self, p: *mut P) -> bool {
        let granted = p.map_addr(|a| if mutant("hold_grant_plain") { a } else { a | GRANTED });
        // Release: pairs with Acquire in `settle`; what the last owner wrote.
        self.p.compare_exchange(of(LOST), granted, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// For a thread that waits in its handler and goes on without a P.
    pub(crate) fn lose(&self) {
        self.set(of(LOST));
    }

    /// By the monitor: how an M is that has lost its P.
    pub(crate) fn lost(&self) -> Lost {
        // Acquire: pairs with Release in `settle_as`.
        match self.p.load(Ordering::Acquire).addr() {
            LOST => Lost::Still,
            HALTED => Lost::Halted,
            _ => Lost::NoMore,
        }
    }
}

/// No P, with these bits.
fn of<P>(bits: usize) -> *mut P {
    ptr::without_provenance_mut(bits)
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
