//! Who takes and who gives back, modelled: no permit is held twice, and nobody waits while there are enough.

use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(loom)]
use loom::sync::atomic::AtomicUsize;
#[cfg(not(loom))]
use std::sync::atomic::AtomicUsize;

use gmp_sched::WaitReason;

use super::*;
use crate::chan::sync::{Cell, Lock, Waiter, model, park, thread};

/// One who waits, for how many.
struct Node {
    waiter: Waiter,
    demand: usize,
}

/// A semaphore as in `semaphore.rs`, and what one permit lets one see, two change.
struct Semaphore {
    word: SemaphoreWord<AtomicUsize>,
    queue: Lock<VecDeque<Node>>,
    value: Cell<u32>,
}

// SAFETY: the cell is written by who holds both permits only; loom looks.
unsafe impl Sync for Semaphore {}
// SAFETY: as above.
unsafe impl Send for Semaphore {}

impl Semaphore {
    /// With two permits.
    fn new() -> Arc<Semaphore> {
        let word = SemaphoreWord::new(AtomicUsize::new(full(2)));
        Arc::new(Semaphore {
            word,
            queue: Lock::new(VecDeque::with_capacity(4)),
            value: Cell::new(0),
        })
    }

    fn acquire(&self, n: usize) {
        if self.word.take(n) {
            return;
        }
        let mut queue = self.queue.lock();
        if !self.word.queue(n) {
            return;
        }
        let waiter = Waiter::current();
        queue.push_back(Node { waiter, demand: n });
        // SAFETY: the caller's waiter, which whoever pops the node readies.
        unsafe { park(waiter, WaitReason::Semaphore, move || drop(queue)) };
    }

    fn release(&self, n: usize) {
        while self.word.give(n) == Given::Queued {
            let mut queue = self.queue.lock();
            let Some(over) = self.word.queued() else { continue };
            let (mut permits, mut granted) = (over + n, Vec::new());
            while queue.front().is_some_and(|first| first.demand <= permits) {
                let first = queue.pop_front().expect("there is a first");
                permits -= first.demand;
                granted.push(first);
            }
            self.word.settle(permits, !queue.is_empty());
            drop(queue);
            // SAFETY: popped here, so nobody else readies it.
            granted.into_iter().for_each(|node| unsafe { node.waiter.ready() });
            return;
        }
    }

    /// Takes `n`, changes what is protected if those are all, else looks at it, and gives them back.
    fn visit(&self, n: usize) {
        self.acquire(n);
        let seen = self.value.get();
        if n == 2 {
            self.value.set(seen + 1);
        }
        self.release(n);
    }
}

/// Threads that take so many permits each, one after the other; the caller is one of them.
fn visitors(demands: &'static [&'static [usize]]) {
    model(move || {
        let semaphore = Semaphore::new();
        let (mine, theirs) = demands.split_first().expect("the caller");
        let others: Vec<_> = theirs
            .iter()
            .map(|demands| {
                let semaphore = semaphore.clone();
                thread::spawn(move || demands.iter().for_each(|&n| semaphore.visit(n)))
            })
            .collect();
        mine.iter().for_each(|&n| semaphore.visit(n));
        others.into_iter().for_each(|other| other.join().unwrap());
        let all = demands.iter().flat_map(|demands| demands.iter());
        let changes = all.filter(|&&n| n == 2).count();
        assert_eq!(usize::try_from(semaphore.value.get()), Ok(changes));
        assert!(semaphore.word.queued().is_none(), "nobody is left");
        assert_eq!(semaphore.word.available(), 2, "every permit came back");
    });
}

#[test]
fn model_two_exclude_each_other() {
    visitors(&[&[2, 2], &[2]]);
}

#[test]
fn model_small_and_large_demands_are_all_served() {
    visitors(&[&[1], &[2], &[1]]);
}

/// Two wait at once, and are served one after the other.
#[test]
fn model_who_is_left_is_served_later() {
    visitors(&[&[2], &[2], &[2]]);
}
