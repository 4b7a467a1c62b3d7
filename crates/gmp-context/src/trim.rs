//! Trimming: what free stacks grew to goes back to the kernel, and so do slabs that nobody needs.
//!
//! A stack that is given back keeps its pages, since it will be taken first. Whoever owns a pool decides when they are too
//! many: a cache every so many stacks, a scheduler when it has nothing to do. `slab.rs` knows which slots have been used
//! since, so that nothing is done twice; `pool.rs` has the books.
//!
//! ```text
//!   | top: 16 KiB, kept by all but `trim` | what it grew to: given back | guard |
//! ```

use crate::lock::Lock;
use crate::pool::{Class, StackPool};
use crate::slab::{self, Slab};
use crate::sync::Ordering;
use crate::tools;

/// Slots that are looked at before others get the lock: some 50 µs if all have pages.
const BATCH: u32 = 32;
/// As `BATCH`, for who trims while others work.
const SMALL_BATCH: u32 = 8;

impl StackPool {
    /// Gives the pages of free stacks back to the kernel, and the address space of slabs that are wholly free and not
    /// reserved. Returns of how many stacks, given back since they were last trimmed, pages were given back one by one.
    ///
    /// One system call per such stack. Others wait for at most 32 of those calls at a time. Returns 0 at once when another
    /// thread is at it.
    pub fn trim(&self) -> usize {
        self.clean(0, || true)
    }

    /// As [`trim`](StackPool::trim), but each free stack keeps its uppermost 16 KiB, so that using it again costs nothing:
    /// what goes is the depth that some of them grew to, and slabs that nobody needs.
    pub fn trim_deep(&self) -> usize {
        self.clean(slab::SHALLOW, || true)
    }

    /// As [`trim`](StackPool::trim), for as long as `go_on` says so; it is asked before each slab, which takes up to 2 ms.
    pub fn trim_while(&self, go_on: impl FnMut() -> bool) -> usize {
        self.clean(0, go_on)
    }

    /// As [`trim_deep`](StackPool::trim_deep), of at most `most` stacks, and unmaps nothing; the next call goes on where this
    /// one stopped. For who has little time: some 0.5 µs per stack, and next to nothing when none was given back.
    pub fn trim_some(&self, most: usize) -> usize {
        self.exclusively(|| {
            let mut left = most;
            for class in &self.classes {
                let mut next = class.lock().slabs;
                while let (Some(slab), true) = (next, left > 0) {
                    let guard = class.lock();
                    // Only who trims removes slabs, so this one's successor stays.
                    next = slab.state.next.get();
                    let deep = slab.state.deep.get() > 0;
                    drop(guard);
                    if deep {
                        left -= sweep(class, slab, left);
                    }
                }
            }
            most - left
        })
    }

    /// A part of [`trim`](StackPool::trim), for a thread that has other duties: ends after some `most` stacks, or after
    /// unmapping one slab. How many stacks and slabs that was; 0 when there is nothing left to give back, or another thread
    /// is at it.
    pub fn trim_portion(&self, most: usize) -> usize {
        self.exclusively(|| {
            let mut cleaned = 0;
            for class in &self.classes {
                let mut next = class.lock().slabs;
                while let Some(slab) = next.filter(|_| cleaned < most) {
                    next = slab.state.next.get();
                    let removed = class.lock().remove_if_unneeded(slab);
                    if removed {
                        // SAFETY: as in `clean`.
                        unsafe { slab::destroy(slab) };
                        return cleaned + 1;
                    }
                    cleaned += clean(class, slab, 0, most - cleaned);
                }
            }
            cleaned
        })
    }

    fn clean(&self, keep: usize, mut go_on: impl FnMut() -> bool) -> usize {
        self.exclusively(|| {
            let mut cleaned = 0;
            for class in &self.classes {
                let mut next = class.lock().slabs;
                while let Some(slab) = next {
                    if !go_on() {
                        return cleaned;
                    }
                    // What is unmapped needs no cleaning. Only we remove slabs, so this one's successor stays.
                    next = slab.state.next.get();
                    let removed = class.lock().remove_if_unneeded(slab);
                    if removed {
                        // SAFETY: it was in no list any more, with no stack out, when we had the lock.
                        unsafe { slab::destroy(slab) };
                    } else {
                        cleaned += clean(class, slab, keep, usize::MAX);
                    }
                }
            }
            cleaned
        })
    }

    /// Does `work` unless another thread trims this pool; 0 then.
    fn exclusively(&self, work: impl FnOnce() -> usize) -> usize {
        // Acquire: pairs with Release at the end; the slab lists are as the last one left them.
        if self.trimming.swap(true, Ordering::Acquire) {
            return 0;
        }
        let cleaned = work();
        // Release: pairs with Acquire above.
        self.trimming.store(false, Ordering::Release);
        cleaned
    }
}

/// Cleans the free slots of a slab down to `keep` bytes, letting go of the lock now and then, until `most` and a few have been
/// asked for. How many it asked for.
fn clean(class: &Lock<Class>, slab: &Slab, keep: usize, most: usize) -> usize {
    let mut cleaned = 0;
    let mut slot = 0;
    loop {
        let _guard = class.lock();
        let end = slab.used().min(slot + BATCH);
        cleaned += (slot..end).filter(|slot| slab.clean(*slot, keep)).count();
        if end == slab.used() || cleaned >= most {
            return cleaned;
        }
        slot = end;
    }
}

/// Cleans at most `most` slots that are deep, from where the last sweep stopped, once around. How many it cleaned.
fn sweep(class: &Lock<Class>, slab: &Slab, most: usize) -> usize {
    let (mut cleaned, mut looked) = (0, 0);
    loop {
        let _guard = class.lock();
        let used = slab.used();
        for _ in 0..SMALL_BATCH {
            if cleaned == most || looked >= used || slab.state.deep.get() == 0 {
                return cleaned;
            }
            let slot = slab.state.swept.get() % used;
            cleaned += usize::from(slab.clean(slot, slab::SHALLOW));
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
