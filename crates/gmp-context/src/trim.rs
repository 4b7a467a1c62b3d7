//! Giving memory of free stacks back to the kernel: pages one stack at a time, slabs that nobody needs as a whole.
//!
//! One thread at a time trims; others, who take and give stacks meanwhile, wait for a few system calls at most. These are
//! methods of [`StackPool`], for whoever owns one.

use crate::lock::Lock;
use crate::pool::{Class, StackPool};
use crate::slab::{self, Slab};
use crate::sync::Ordering;

/// Slots that `trim` looks at before it lets others have the lock: some 50 µs if all have pages.
const TRIM_BATCH: u32 = 32;

/// What a call of `trim` and its like has given back.
struct Cleaned {
    stacks: usize,
    slabs: usize,
}

impl StackPool {
    /// Gives the pages of free stacks back to the kernel, and the address space of slabs that are wholly free and not
    /// reserved. Returns of how many stacks, given back since they were last trimmed, pages were given back one by one.
    ///
    /// One system call per such stack. Others wait for at most 32 of those calls at a time. Returns 0 at once when another
    /// thread is at it.
    pub fn trim(&self) -> usize {
        self.clean(0, usize::MAX).stacks
    }

    /// A part of [`trim`](StackPool::trim), for a thread that has other duties: ends after some `most` stacks, or after
    /// unmapping one slab. How many stacks and slabs that was; 0 when there is nothing left to give back, or another thread
    /// is at it.
    pub fn trim_some(&self, most: usize) -> usize {
        let Cleaned { stacks, slabs } = self.clean(0, most);
        stacks + slabs
    }

    /// As [`trim`](StackPool::trim), but each free stack keeps its uppermost 16 KiB, so that using it again costs nothing:
    /// what goes is the depth that some of them grew to, and slabs that nobody needs.
    pub fn trim_deep(&self) -> usize {
        self.clean(slab::SHALLOW, usize::MAX).stacks
    }

    fn clean(&self, keep: usize, most: usize) -> Cleaned {
        let mut cleaned = Cleaned { stacks: 0, slabs: 0 };
        // Acquire: pairs with Release at the end; the slab lists are as the last one left them.
        if self.trimming.swap(true, Ordering::Acquire) {
            return cleaned;
        }
        // A slab may be hundreds of thousands of pages.
        let enough =
            |so_far: &Cleaned| so_far.stacks >= most || (so_far.slabs > 0 && most < usize::MAX);
        for class in &self.classes {
            let mut next = class.lock().slabs;
            while let Some(slab) = next.filter(|_| !enough(&cleaned)) {
                // What is unmapped needs no cleaning. Only we remove slabs, so this one's successor stays.
                next = slab.state.next.get();
                let removed = class.lock().remove_if_unneeded(slab);
                if removed {
                    // SAFETY: it was in no list any more, with no stack out, when we had the lock.
                    unsafe { slab::destroy(slab) };
                    cleaned.slabs += 1;
                } else {
                    cleaned.stacks += clean(class, slab, keep, most - cleaned.stacks);
                }
            }
        }
        // Release: pairs with Acquire above.
        self.trimming.store(false, Ordering::Release);
        cleaned
    }
}

/// Cleans the free slots of a slab down to `keep` bytes, letting go of the lock now and then. How many it asked for.
fn clean(class: &Lock<Class>, slab: &Slab, keep: usize, most: usize) -> usize {
    let mut cleaned = 0;
    let mut slot = 0;
    loop {
        let _guard = class.lock();
        let end = slab.used().min(slot + TRIM_BATCH);
        cleaned += (slot..end).filter(|slot| slab.clean(*slot, keep)).count();
        if end == slab.used() || cleaned >= most {
            return cleaned;
        }
        slot = end;
    }
}
