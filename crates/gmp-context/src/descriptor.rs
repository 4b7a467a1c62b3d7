//! Descriptor: where a slab lies, for readers that may be a signal handler: no lock, no waiting.
//!
//! Descriptors are never freed, and are used again for other slabs. Readers look at all of them, at any time, also while a
//! descriptor changes; a handler may have interrupted the very thread that changes it. So a state word says what a descriptor
//! is for, and in which of its uses:
//!
//! ```text
//!  state   use << 2 | FREE --D1--> CLAIMED --D3--> DESCRIBES --D4--> CLAIMED --D5--> FREE, of the next use
//!                                     \_______________ D5, nothing was mapped _______/
//! ```
//!
//! - **D1** who wants to map a slab takes a descriptor from FREE to CLAIMED. Until D5 it is theirs, with all that belongs to it.
//! - **D2** the owner writes the four words of the extent behind a fence: who reads one of the new words, and looks at the
//!   state after that, no longer finds what it was before D1.
//! - **D3** DESCRIBES publishes the words.
//! - **D4** for the slab's end the state is CLAIMED again first, and then the slab is unmapped. So whoever knows of something
//!   that was mapped in its place does not find DESCRIBES any more: the kernel hands out an address after it took it back.
//! - **D5** FREE, with the next number, hands the descriptor on.
//! - **R1** a reader loads the state. Unless it is DESCRIBES there is nothing.
//! - **R2** it loads the four words,
//! - **R3** then, behind a fence, the state once more. The same: none of the words comes from a later D2, so they are those of
//!   one slab. Another one: it takes the descriptor for one that describes nothing.
//!
//! That is right, because a reader asks about an address in memory that stays mapped while it asks: the stack it runs on, or one
//! that somebody it knows of keeps. If a slab lies there, its D3 happened before, since the stack came from it, and its D4
//! comes later: R1 and R3 both see this D3, and the words are read undisturbed. All others can be left out, for no other slab
//! holds the address: slabs that are mapped do not overlap, and those that were there before are past D4. Whoever asks
//! about an address that is nobody's gets an answer that was true at some time.
//!
//! Two uses have different numbers; a word of 64 bits counts 2^62 of them.

use crate::sync::{Ordering, Word, mutant};

const FREE: usize = 0;
const CLAIMED: usize = 1;
const DESCRIBES: usize = 2;
/// The bits of those; the use's number is above.
const PHASE: usize = 3;
const NEXT_USE: usize = 4;

/// All zero is FREE, and of the first use.
pub(crate) struct Descriptor<W> {
    state: W,
    start: W,
    first: W,
    class: W,
    slots: W,
}

/// Where a slab lies and what it is cut into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    /// First byte of the mapping.
    pub(crate) start: usize,
    /// First byte of the first slot's guard.
    pub(crate) first: usize,
    /// Logarithm of the stack size.
    pub(crate) class: u32,
    /// Number of slots.
    pub(crate) slots: u32,
}

impl<W: Word> Descriptor<W> {
    /// D1: whether it is the caller's now.
    pub(crate) fn claim(&self) -> bool {
        let state = self.state.get(Ordering::Relaxed); // Relaxed: a first guess, which the exchange checks.
        if state & PHASE != FREE {
            return false;
        }
        if mutant("descriptor_claim_unchecked") {
            self.state.put(state | CLAIMED, Ordering::Relaxed);
            return true;
        }
        let order =
            if mutant("descriptor_claim_relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        // Acquire: pairs with Release in `retire`; the last owner has done with what belongs to it.
        self.state.cas(state, state | CLAIMED, order)
    }

    /// D2 and D3, by who has claimed it.
    pub(crate) fn publish(&self, extent: Extent) {
        if !mutant("descriptor_no_fence_before_words") {
            // Release fence (D2): pairs with the fence of R3; D1 is before it.
            W::fence(Ordering::Release);
        }
        // Relaxed, all four: D3 publishes them.
        self.start.put(extent.start, Ordering::Relaxed);
        self.first.put(extent.first, Ordering::Relaxed);
        self.class.put(extent.class as usize, Ordering::Relaxed);
        self.slots.put(extent.slots as usize, Ordering::Relaxed);
        let order = if mutant("descriptor_publish_relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        // Release (D3): pairs with Acquire of R1.
        self.state.put(self.number() | DESCRIBES, order);
    }

    /// D4, by the owner; `unmap` unmaps the slab.
    pub(crate) fn withdraw(&self, unmap: impl FnOnce()) {
        if mutant("descriptor_unmapped_first") {
            unmap();
            self.state.put(self.number() | CLAIMED, Ordering::Relaxed);
            return;
        }
        // Relaxed: who is to see it gets to know of what is mapped in the slab's place, which `unmap` precedes.
        self.state.put(self.number() | CLAIMED, Ordering::Relaxed);
        unmap();
    }

    /// D5, by the owner, of a descriptor that describes nothing.
    pub(crate) fn retire(&self) {
        let next = if mutant("descriptor_same_use") { 0 } else { NEXT_USE };
        let order =
            if mutant("descriptor_retire_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: pairs with Acquire in `claim`.
        self.state.put(self.number().wrapping_add(next) | FREE, order);
    }

    /// The number of the use, for the owner.
    fn number(&self) -> usize {
        self.state.get(Ordering::Relaxed) & !PHASE // Relaxed: only the owner changes it.
    }

    /// What it describes. Neither waits nor repeats anything; async-signal-safe.
    pub(crate) fn read(&self) -> Option<Extent> {
        // Acquire (R1): pairs with Release of D3; makes its words visible.
        let state = self.state.get(Ordering::Acquire);
        if state & PHASE != DESCRIBES {
            return None;
        }
        let extent = self.words();
        if mutant("descriptor_unchecked") {
            return Some(extent);
        }
        if !mutant("descriptor_no_fence_after_words") {
            // Acquire fence (R3): pairs with the fence of D2; with one of its words comes the D1 before it.
            W::fence(Ordering::Acquire);
        }
        // Relaxed: the fence above is what orders it.
        (self.state.get(Ordering::Relaxed) == state).then_some(extent)
    }

    /// R2.
    fn words(&self) -> Extent {
        let (start, first) = (self.start(), self.first());
        Extent { start, first, class: self.class(), slots: self.slots() }
    }

    /// [`Extent::start`], as the three below for who keeps the slab from being unmapped.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start.get(Ordering::Relaxed) // Relaxed: constant for who keeps the slab; in `read` checked by R3.
    }

    /// [`Extent::first`].
    #[inline]
    pub(crate) fn first(&self) -> usize {
        self.first.get(Ordering::Relaxed) // Relaxed: as in `start`.
    }

    /// [`Extent::class`].
    #[inline]
    pub(crate) fn class(&self) -> u32 {
        self.class.get(Ordering::Relaxed) as u32 // Relaxed: as in `start`.
    }

    /// [`Extent::slots`].
    #[inline]
    pub(crate) fn slots(&self) -> u32 {
        self.slots.get(Ordering::Relaxed) as u32 // Relaxed: as in `start`.
    }
}

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
