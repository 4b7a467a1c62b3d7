//! The ring: a model of owner against thieves, and a comparison with `VecDeque`.

use std::ptr::NonNull;
use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

/// Content written before the push and read after the pop: that order is what is under test.
#[derive(Debug)]
struct Element {
    written: RaceCell,
    taken: AtomicU32,
}

fn old<T>(item: NonNull<T>) -> Tagged<T> {
    Tagged::new(item, false)
}

fn fresh<T>(item: NonNull<T>) -> Tagged<T> {
    Tagged::new(item, true)
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
                batch.drain().filter_map(|t| t.item()).for_each(take);
                drop(cells);
            })
        };
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        for cell in cells.iter() {
            cell.written.set(7);
            owner.push(old(NonNull::from(cell))).expect("room for three");
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
        let ring: Arc<Ring<u16>> = Arc::new(Ring::new());
        let base = NonNull::<u16>::dangling().as_ptr();
        let nth = move |i: usize| NonNull::new(base.wrapping_add(i)).expect("not null");
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        let full = CAPACITY as usize;
        for i in 1..=full {
            owner.push(old(nth(i))).expect("room");
        }
        assert!(owner.push(old(nth(full + 1))).is_err());
        let thief = {
            let ring = ring.clone();
            thread::spawn(move || {
                let mut batch = Batch::new();
                ring.steal_half(&mut batch);
                let loot: Vec<usize> =
                    batch.drain().filter_map(|t| t.item()).map(|p| p.as_ptr().addr()).collect();
                loot
            })
        };
        let mut own = Vec::new();
        let mut extra = full + 1;
        for _ in 0..2 {
            own.extend(owner.pop().map(|p| p.as_ptr().addr()));
            if owner.push(old(nth(extra))).is_ok() {
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
        assert_eq!(all, (0..extra - 1).map(|i| first + 2 * i).collect::<Vec<_>>());
    });
}

/// The owner takes back what is fresh while thieves claim from the front (L4): nothing is taken twice or lost, also
/// when both are after the same one, and when a slot that was taken back is filled again.
#[test]
fn model_taking_back_against_a_thief() {
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
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        for cell in &cells[..2] {
            cell.written.set(7);
            owner.push(fresh(NonNull::from(cell))).expect("room");
        }
        let thief = {
            let (ring, cells) = (ring.clone(), cells.clone());
            thread::spawn(move || {
                let mut batch = Batch::new();
                ring.steal_half(&mut batch);
                batch.drain().filter_map(|t| t.item()).for_each(take);
                drop(cells);
            })
        };
        owner.take_back().into_iter().for_each(take);
        cells[2].written.set(7);
        owner.push(fresh(NonNull::from(&cells[2]))).expect("room");
        while let Some(p) = owner.take_back() {
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

#[cfg(not(loom))]
proptest::proptest! {
    /// Any sequence of pushes, pops and steals agrees with a deque.
    #[test]
    fn agrees_with_a_deque(ops in proptest::collection::vec(0u8..6, 0..2_000)) {
        let ring: Ring<u16> = Ring::new();
        // SAFETY: one thread.
        let mut owner = unsafe { ring.owner() };
        let mut deque = std::collections::VecDeque::new();
        let base = NonNull::<u16>::dangling().as_ptr();
        let mut next = 1usize;
        for op in ops {
            match op {
                0..=2 => {
                    let p = NonNull::new(base.wrapping_add(next)).expect("not null");
                    let pushed = owner.push(Tagged::new(p, op == 2)).is_ok();
                    proptest::prop_assert_eq!(pushed, deque.len() < CAPACITY as usize);
                    if pushed {
                        deque.push_back((p, op == 2));
                        next += 1;
                    }
                }
                3 => proptest::prop_assert_eq!(owner.pop(), deque.pop_front().map(|(p, _)| p)),
                4 => {
                    let last_is_fresh = deque.back().is_some_and(|&(_, fresh)| fresh);
                    let newest = if last_is_fresh { deque.pop_back() } else { None };
                    let newest = newest.map(|(p, _)| p);
                    proptest::prop_assert_eq!(owner.take_back(), newest);
                }
                _ => {
                    let mut batch = Batch::new();
                    let half = deque.len() - deque.len() / 2;
                    proptest::prop_assert_eq!(ring.steal_half(&mut batch), half);
                    let loot: Vec<_> = batch.drain().filter_map(|t| t.item()).collect();
                    proptest::prop_assert_eq!(loot, deque.drain(..half).map(|(p, _)| p).collect::<Vec<_>>());
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
    let ring: Ring<u16> = Ring::new();
    let (sum, count, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let take = |p: NonNull<u16>| {
        sum.fetch_add(p.as_ptr().addr() as u64, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let mut batch = Batch::new();
                while !done.load(Ordering::Acquire) || !ring.is_empty() {
                    ring.steal_half(&mut batch);
                    batch.drain().filter_map(|t| t.item()).for_each(take);
                }
            });
        }
        // SAFETY: this thread alone is the owner.
        let mut owner = unsafe { ring.owner() };
        for i in 1..=N {
            let mut p =
                NonNull::new(std::ptr::without_provenance_mut::<u16>(2 * i)).expect("not null");
            while let Err(back) = owner.push(Tagged::new(p, i % 3 != 0)) {
                p = back.item().expect("not null");
                owner.pop().into_iter().for_each(take);
            }
            if i % 5 == 0 {
                owner.take_back().into_iter().for_each(take);
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(count.into_inner(), N as u64);
    assert_eq!(sum.into_inner(), (N as u64) * (N as u64 + 1));
}
