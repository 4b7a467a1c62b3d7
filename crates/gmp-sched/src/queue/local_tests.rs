//! The ring: a model of owner against thieves, and a comparison with `VecDeque`.

use std::ptr::NonNull;
use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

/// Content written before the push and read after the pop: that order is what is under test.
struct Element {
    written: RaceCell,
    taken: AtomicU32,
}

/// The owner pushes and pops, one thief steals: every element is taken once, with its content.
#[test]
fn model_every_element_is_taken_once() {
    model(|| {
        let cells: Arc<Vec<Element>> = Arc::new(
            (0..3)
                .map(|_| Element { written: RaceCell::new(), taken: AtomicU32::new(0) })
                .collect(),
        );
        let ring = Arc::new(Ring::new());
        let take = |p: NonNull<Element>| {
            // SAFETY: points into `cells`, which outlives both threads.
            let cell = unsafe { p.as_ref() };
            assert_eq!(cell.written.get(), 7);
            assert_eq!(cell.taken.fetch_add(1, Ordering::Relaxed), 0, "taken twice");
        };
        let thief = {
            let (ring, cells) = (ring.clone(), cells.clone());
            thread::spawn(move || {
                let mut batch = Batch::new();
                ring.steal_half(&mut batch);
                batch.drain().for_each(take);
                drop(cells);
            })
        };
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        for cell in cells.iter() {
            cell.written.set(7);
            owner.push(NonNull::from(cell)).expect("room for three");
        }
        while let Some(p) = owner.pop() {
            take(p);
        }
        thief.join().expect("thief");
        while let Some(p) = owner.pop() {
            take(p);
        }
        let taken: u32 = cells.iter().map(|c| c.taken.load(Ordering::Relaxed)).sum();
        assert_eq!(taken, 3);
    });
}

/// A full ring gives the element back, and slots are reused only after their claimant has copied them.
#[test]
fn model_reuse_waits_for_the_thief() {
    model(|| {
        let ring: Arc<Ring<u8>> = Arc::new(Ring::new());
        let base = NonNull::<u8>::dangling().as_ptr();
        let nth = move |i: usize| NonNull::new(base.wrapping_add(i)).expect("not null");
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        let full = CAPACITY as usize;
        for i in 1..=full {
            owner.push(nth(i)).expect("room");
        }
        assert!(owner.push(nth(full + 1)).is_err());
        let thief = {
            let ring = ring.clone();
            thread::spawn(move || {
                let mut batch = Batch::new();
                ring.steal_half(&mut batch);
                let loot: Vec<usize> = batch.drain().map(|p| p.as_ptr().addr()).collect();
                loot
            })
        };
        let mut own = Vec::new();
        let mut extra = full + 1;
        for _ in 0..2 {
            own.extend(owner.pop().map(|p| p.as_ptr().addr()));
            if owner.push(nth(extra)).is_ok() {
                extra += 1;
            }
        }
        let mut all = thief.join().expect("thief");
        while let Some(p) = owner.pop() {
            own.push(p.as_ptr().addr());
        }
        assert!(own.is_sorted() && all.is_sorted(), "both see elements in order");
        all.extend(own);
        all.sort_unstable();
        let first = nth(1).as_ptr().addr();
        assert_eq!(all, (0..extra - 1).map(|i| first + i).collect::<Vec<_>>());
    });
}

#[cfg(not(loom))]
proptest::proptest! {
    /// Any sequence of pushes, pops and steals agrees with a deque.
    #[test]
    fn agrees_with_a_deque(ops in proptest::collection::vec(0u8..4, 0..2_000)) {
        let ring: Ring<u8> = Ring::new();
        // SAFETY: one thread.
        let mut owner = unsafe { ring.owner() };
        let mut deque = std::collections::VecDeque::new();
        let base = NonNull::<u8>::dangling().as_ptr();
        let mut next = 1usize;
        for op in ops {
            match op {
                0 | 1 => {
                    let p = NonNull::new(base.wrapping_add(next)).expect("not null");
                    let pushed = owner.push(p).is_ok();
                    proptest::prop_assert_eq!(pushed, deque.len() < CAPACITY as usize);
                    if pushed {
                        deque.push_back(p);
                        next += 1;
                    }
                }
                2 => proptest::prop_assert_eq!(owner.pop(), deque.pop_front()),
                _ => {
                    let mut batch = Batch::new();
                    let half = deque.len() - deque.len() / 2;
                    proptest::prop_assert_eq!(ring.steal_half(&mut batch), half);
                    let loot: Vec<_> = batch.drain().collect();
                    proptest::prop_assert_eq!(loot, deque.drain(..half).collect::<Vec<_>>());
                }
            }
            proptest::prop_assert_eq!(ring.len() as usize, deque.len());
        }
    }
}

/// Four thieves and an owner, a million elements: each is taken once.
#[cfg(not(loom))]
#[test]
fn conservation_under_thieves() {
    use crate::sync::plain::{AtomicBool, AtomicU64};

    const N: usize = 400_000;
    let ring: Ring<u8> = Ring::new();
    let (sum, count, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let take = |p: NonNull<u8>| {
        sum.fetch_add(p.as_ptr().addr() as u64, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let mut batch = Batch::new();
                while !done.load(Ordering::Acquire) || !ring.is_empty() {
                    ring.steal_half(&mut batch);
                    batch.drain().for_each(take);
                }
            });
        }
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        for i in 1..=N {
            let mut p = NonNull::new(std::ptr::without_provenance_mut::<u8>(i)).expect("not null");
            while let Err(back) = owner.push(p) {
                p = back;
                owner.pop().into_iter().for_each(take);
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(count.into_inner(), N as u64);
    assert_eq!(sum.into_inner(), (N as u64) * (N as u64 + 1) / 2);
}
