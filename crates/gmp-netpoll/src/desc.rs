//! The state of one direction of one descriptor: a word that events and a waiter meet on.
//!
//! A descriptor is registered with the kernel once, edge-triggered: the kernel says *that something became
//! possible* once and then keeps quiet until the operation has failed for want of data or room. Somebody
//! must remember the edge until it is used. That is the word, one per direction:
//!
//! ```text
//!            event                     consume / arm
//!   EMPTY ──────────▶ READY      READY ──────────────▶ EMPTY   (go and try the system call)
//!   EMPTY ───arm────▶ waiter     waiter ───event─────▶ EMPTY   (the edge went to the waiter: wake it)
//!   EMPTY ──restore───▶ READY    waiter ──restore────▶ EMPTY   (an edge put back: as an event)
//!                                waiter ───disarm────▶ EMPTY   (its deadline passed first)
//!   anything ──close──▶ CLOSED   (a waiter that was there is handed out: wake it)
//!
//!   word   0      EMPTY
//!          1      READY
//!          2      CLOSED
//!          ≥ 16   the waiter, multiple of 4
//! ```
//!
//! # Why no wake-up is lost
//!
//! Reader: R1 consumes `READY` (or finds `EMPTY`); R2 reads and gets `EAGAIN`; R3 arms. Event: E1 the
//! kernel has data; E2 the word changes. All changes of a word are read-modify-writes, so R3 and E2 are
//! ordered. If R3 is first, E2 takes the waiter out. If E2 is first, R3 finds `READY`, does not park,
//! and goes back to R2. R1 comes before R2: an edge that arrives after R1 sets `READY` again, also when R2
//! has used its data; that costs one vain system call and loses nothing. No two words take part, so
//! nothing needs sequential consistency.
//!
//! Several may consume and try at once, but one waits: callers keep the others in line. A second reader can
//! find `EMPTY` because the first has the edge in hand, and arm. So whoever has not used its edge up puts it
//! back *as an event*: the waiter gets it.
//!
//! Called by the poller and by those who wait; every method neither parks, blocks nor allocates.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicUsize, Ordering, mutant};

const EMPTY: usize = 0;
const READY: usize = 1;
const CLOSED: usize = 2;

/// Waiters are addresses of something aligned; smaller values are states.
const LEAST_WAITER: usize = 16;

/// One of the two directions of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Receiving, accepting.
    Read = 0,
    /// Sending, connecting.
    Write = 1,
}

/// What [`arm`](crate::Source::arm) did, and what its caller owes.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Armed {
    /// The waiter is in the word: somebody will take it out and wake it. It may be awake already.
    Waiting,
    /// An event came first; it is consumed. Try the operation.
    Ready,
    /// The descriptor is closed.
    Closed,
}

/// One direction's word.
#[derive(Debug)]
pub(crate) struct Desc(AtomicUsize);

impl Desc {
    /// A word that holds nothing.
    pub(crate) fn new() -> Desc {
        Desc(AtomicUsize::new(EMPTY))
    }

    /// Makes the word usable for a new descriptor: `READY`, since nothing is known about it yet and one
    /// vain attempt is cheaper than a wait for an edge that may have passed.
    pub(crate) fn reopen(&self) {
        // Relaxed: the slot has no other user yet; handing it to the kernel orders this store.
        self.0.store(READY, Ordering::Relaxed);
    }

    /// R1. Takes the edge if one is remembered. True: try the operation.
    #[inline]
    pub(crate) fn consume(&self) -> bool {
        // Acquire: pairs with Release in `event`; what the poller noted before is visible.
        self.0.compare_exchange(READY, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Puts an edge back that was consumed but not used up. Hands out the waiter that it is for: one that
    /// found nothing to consume, and armed, while this edge was in use.
    #[inline]
    pub(crate) fn restore(&self) -> Option<NonNull<()>> {
        if mutant("desc_restore_blind") {
            let _ = self.0.compare_exchange(EMPTY, READY, Ordering::AcqRel, Ordering::Relaxed);
            return None;
        }
        self.event()
    }

    /// R3. Puts `waiter` into the word, unless an event came first.
    #[inline]
    pub(crate) fn arm(&self, waiter: NonNull<()>) -> Armed {
        let raw = waiter.as_ptr().expose_provenance();
        debug_assert!(raw >= LEAST_WAITER && raw % 4 == 0, "not a waiter: {raw:#x}");
        if mutant("desc_arm_unchecked") {
            self.0.store(raw, Ordering::Release);
            return Armed::Waiting;
        }
        let publish =
            if mutant("desc_arm_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        loop {
            // Release: pairs with Acquire in `event`, `disarm`, `close`; publishes the waiter's node.
            match self.0.compare_exchange(EMPTY, raw, publish, Ordering::Relaxed) {
                Ok(_) => return Armed::Waiting,
                Err(CLOSED) => return Armed::Closed,
                Err(now) => {
                    debug_assert_eq!(now, READY, "two waiters in one direction");
                    if self.consume() {
                        return Armed::Ready;
                    }
                }
            }
        }
    }

    /// Takes `waiter` out again. False: somebody else has, and will wake it.
    #[inline]
    pub(crate) fn disarm(&self, waiter: NonNull<()>) -> bool {
        let raw = waiter.as_ptr().addr();
        // Relaxed: the waiter takes back its own node; failure is followed by a wait for whoever took it.
        self.0.compare_exchange(raw, EMPTY, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// E2. Notes an edge, or hands out the waiter that it is for.
    #[inline]
    pub(crate) fn event(&self) -> Option<NonNull<()>> {
        let note = if mutant("desc_event_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Relaxed: a first guess for the exchange below.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = match now {
                CLOSED => return None,
                EMPTY | READY => READY,
                _waiter if mutant("desc_event_keeps") => READY,
                _waiter => EMPTY,
            };
            // AcqRel: Release pairs with Acquire in `consume`; Acquire pairs with Release in `arm`, whose
            // node the caller is about to use. READY to READY is written too: the exchange, not the value,
            // orders this edge before the next consumer.
            match self.0.compare_exchange_weak(now, next, note, Ordering::Relaxed) {
                Ok(_) if next == EMPTY => {
                    return NonNull::new(ptr::with_exposed_provenance_mut(now));
                }
                Ok(_) => return None,
                Err(seen) => now = seen,
            }
        }
    }

    /// Nothing will wait here again. Hands out the waiter that does.
    pub(crate) fn close(&self) -> Option<NonNull<()>> {
        if mutant("desc_close_overwrites") {
            self.0.store(CLOSED, Ordering::Release);
            return None;
        }
        // AcqRel: Acquire pairs with Release in `arm`; Release with the Acquire of whoever finds CLOSED.
        match self.0.swap(CLOSED, Ordering::AcqRel) {
            EMPTY | READY | CLOSED => None,
            waiter => NonNull::new(ptr::with_exposed_provenance_mut(waiter)),
        }
    }
}

#[cfg(test)]
mod tests;
