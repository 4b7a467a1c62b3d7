//! Trimming: what free stacks grew to goes back to the kernel, and so do slabs that nobody needs.
//!
//! A stack that is given back keeps its pages, since it will be taken first. Whoever owns a pool decides when they are too
//! many: a cache every so many stacks, a scheduler when it has nothing to do. `slab.rs` knows which slots have been used
//! since, so that nothing is done twice; `pool.rs` has the books.
//!
//! ```text
//!   | top: 16 KiB, kept by `trim_deep` and `trim_some` | what it grew to: given back | guard |
//! ```
//!
//! All of it is one walk over the slabs ([`StackPool::walk`]), by one thread at a time, the smallest stacks first, of a size the slab
//! that was mapped last:
//!
//! | | keeps | unmaps slabs | ends |
//! |---|---|---|---|
//! | `trim` | nothing | yes | when all has been looked at |
//! | `trim_deep` | the top | yes | as `trim` |
//! | `trim_while` | nothing | yes | when it is told to |
//! | `trim_some` | the top | no | after so many stacks |
//! | `trim_portion` | nothing | one | after so many stacks, or a slab |
//!
//! Each slab remembers where the last walk left it, and how many of its slots there is something to do for, so a walk
//! in many portions looks at each slot about once.

use crate::lock::Lock;
use crate::pool::{Class, StackPool};
use crate::slab::{self, Slab};
use crate::sync::plain::{AtomicBool, Ordering};
use crate::tools;

/// Slots that are looked at before others get the lock: some 12 µs if all have pages.
const BATCH: u32 = 8;

/// What a walk is to do.
struct Plan {
    /// Bytes that each stack keeps: 0 or [`slab::SHALLOW`].
    keep: usize,
    /// After how many stacks it ends.
    most: usize,
    /// Whether it unmaps slabs that nobody needs.
    unmap: bool,
}

/// What a walk has done.
#[derive(Clone, Copy, Default)]
struct Done {
    /// Stacks whose pages were given back one by one.
    stacks: usize,
    /// Slabs unmapped.
    slabs: usize,
}

impl StackPool {
    /// Gives the pages of free stacks back to the kernel, and the address space of slabs that are wholly free and not
    /// reserved. Returns of how many stacks, given back since they were last trimmed, pages were given back one by one.
    ///
    /// One system call per such stack. Others wait for at most 8 of those calls at a time. Returns 0 at once when another
    /// thread is at it.
    pub fn trim(&self) -> usize {
        self.trim_while(|| true)
    }

    /// As [`trim`](StackPool::trim), but each free stack keeps its uppermost 16 KiB, so that using it again costs nothing:
    /// what goes is the depth that some of them grew to, and slabs that nobody needs.
    pub fn trim_deep(&self) -> usize {
        let plan = Plan { keep: slab::SHALLOW, most: usize::MAX, unmap: true };
        self.walk(&plan, |_| true).stacks
    }

    /// As [`trim`](StackPool::trim), for as long as `go_on` says so; it is asked before each slab, which takes up to 2 ms.
    pub fn trim_while(&self, mut go_on: impl FnMut() -> bool) -> usize {
        let plan = Plan { keep: 0, most: usize::MAX, unmap: true };
        self.walk(&plan, |_| go_on()).stacks
    }

    /// As [`trim_deep`](StackPool::trim_deep), of at most `most` stacks, and unmaps nothing; the next call begins with the same
    /// slab, and goes on in it where this one stopped: a slab whose stacks come and go faster than that keeps the others waiting.
    /// For who has little time: some 0.5 µs per stack, and next to nothing when none was given back.
    pub fn trim_some(&self, most: usize) -> usize {
        self.walk(&Plan { keep: slab::SHALLOW, most, unmap: false }, |_| true).stacks
    }

    /// A part of [`trim`](StackPool::trim), for a thread that has other duties: ends after `most` stacks, or after
    /// unmapping one slab; the next call goes on as in [`trim_some`](StackPool::trim_some). How many stacks and slabs that was; 0 when there is
    /// nothing left to give back, or another thread is at it.
    pub fn trim_portion(&self, most: usize) -> usize {
        let done = self.walk(&Plan { keep: 0, most, unmap: true }, |done| done.slabs == 0);
        done.stacks + done.slabs
    }

    /// Does what is planned for all slabs, as long as `go_on`, asked before each, says so. Nothing if another thread is at
    /// it. `go_on` is called with no lock held and may panic.
    fn walk(&self, plan: &Plan, mut go_on: impl FnMut(&Done) -> bool) -> Done {
        let mut done = Done::default();
        let Some(_turn) = Turn::take(&self.trimming) else { return done };
        for class in &self.classes {
            let mut next = class.lock().slabs;
            while let Some(slab) = next {
                if done.stacks >= plan.most || !go_on(&done) {
                    return done;
                }
                let mut state = class.lock();
                // Only who trims removes slabs, so this one's successor stays.
                next = slab.state.next.get();
                // What is unmapped needs no cleaning.
                let removed = plan.unmap && state.remove_if_unneeded(slab);
                drop(state);
                if removed {
                    // SAFETY: it was in no list any more, with no stack out, when we had the lock.
                    unsafe { slab::destroy(slab) };
                    done.slabs += 1;
                } else {
                    done.stacks += clean(class, slab, plan.keep, plan.most - done.stacks);
                }
            }
        }
        done
    }
}

/// The right to trim a pool, until dropped, also by a panic.
struct Turn<'a>(&'a AtomicBool);

impl Turn<'_> {
    /// None while another thread has it.
    fn take(trimming: &AtomicBool) -> Option<Turn<'_>> {
        // Acquire: pairs with Release in `drop`; the slab lists are as the last one left them.
        (!trimming.swap(true, Ordering::Acquire)).then(|| Turn(trimming))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Release: pairs with Acquire in `take`.
        self.0.store(false, Ordering::Release);
    }
}

/// Cleans at most `most` free slots of a slab down to `keep` bytes, from where the last walk stopped, once around, letting go
/// of the lock now and then. How many it asked the kernel for.
fn clean(class: &Lock<Class>, slab: &Slab, keep: usize, most: usize) -> usize {
    let (mut cleaned, mut looked) = (0, 0);
    loop {
        let _guard = class.lock();
        let used = slab.used();
        for _ in 0..BATCH {
            if cleaned == most || looked >= used || !slab.has_unclean(keep) {
                return cleaned;
            }
            let slot = slab.state.swept.get() % used;
            cleaned += usize::from(slab.clean(slot, keep));
            slab.state.swept.set(slot + 1);
            looked += 1;
        }
    }
}

impl Class {
    /// Takes a slab out of all lists if no stack of it is out and the reservations are covered without it.
    pub(crate) fn remove_if_unneeded(&mut self, slab: &'static Slab) -> bool {
        let slots = slab.state.usable.get() as usize;
        if tools::KEEP_SLABS {
            return false;
        }
        if slab.state.live.get() != 0 || self.capacity - self.live - slots < self.reserved {
            return false;
        }
        if slab.has_free() {
            self.close(slab);
        }
        let next = slab.state.next.get();
        if self.slabs.is_some_and(|first| core::ptr::eq(first, slab)) {
            self.slabs = next;
        } else {
            let mut before = self.slabs;
            while let Some(here) = before {
                before = here.state.next.get();
                if before.is_some_and(|after| core::ptr::eq(after, slab)) {
                    here.state.next.set(next);
                    break;
                }
            }
        }
        self.count -= 1;
        self.capacity -= slots;
        self.bytes -= slab.len();
        true
    }
}

#[cfg(test)]
#[path = "trim_tests.rs"]
mod tests;
