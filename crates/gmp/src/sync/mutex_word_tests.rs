//! Lockers of one mutex, modelled: one holds it at a time, and nobody is left waiting.

use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(loom)]
use loom::sync::atomic::AtomicU32;
#[cfg(not(loom))]
use std::sync::atomic::AtomicU32;

use gmp_sched::WaitReason;

use super::*;
use crate::chan::sync::{Cell, Lock, Waiter, model, park, thread};

/// One who waits, and whether it was handed the lock.
struct Node {
    waiter: Waiter,
    owned: Cell<bool>,
}

// SAFETY: the cell is written by who has popped the node, and read by its owner after it was woken; loom looks.
unsafe impl Sync for Node {}
// SAFETY: as above.
unsafe impl Send for Node {}

/// A mutex as in `raw_mutex.rs`, without spinning and without a clock, and what it protects.
struct Mutex {
    word: MutexWord<AtomicU32>,
    queue: Lock<VecDeque<Arc<Node>>>,
    value: Cell<u32>,
    /// Whether who was woken once is late, and the lock is handed over to it.
    patience: bool,
}

// SAFETY: the cell belongs to who holds the mutex; loom looks.
unsafe impl Sync for Mutex {}
// SAFETY: as above.
unsafe impl Send for Mutex {}

impl Mutex {
    fn new(patience: bool) -> Arc<Mutex> {
        let word = MutexWord::new(AtomicU32::new(0));
        let queue = Lock::new(VecDeque::with_capacity(4));
        Arc::new(Mutex { word, queue, value: Cell::new(0), patience })
    }

    fn lock(&self) {
        if self.word.take() {
            return;
        }
        let mut woken = false;
        loop {
            let seen = self.word.look();
            if seen.is_free() {
                if self.word.compete(seen, woken).is_ok() {
                    return;
                }
                continue;
            }
            let node = Arc::new(Node { waiter: Waiter::current(), owned: Cell::new(false) });
            let mut queue = self.queue.lock();
            if !self.word.queue(woken, woken && !self.patience) {
                continue;
            }
            if woken {
                queue.push_front(node.clone());
            } else {
                queue.push_back(node.clone());
            }
            // SAFETY: the caller's waiter, which whoever pops the node readies.
            unsafe { park(node.waiter, WaitReason::Mutex, move || drop(queue)) };
            if node.owned.get() {
                return self.word.calm();
            }
            woken = true;
        }
    }

    fn unlock(&self) {
        let Some(seen) = self.word.give_back() else { return };
        let hands_over = seen.is_starving();
        if !hands_over && !self.word.may_wake(seen) {
            return;
        }
        let mut queue = self.queue.lock();
        let next = queue.pop_front().expect("M3 or M4: somebody waits");
        if hands_over {
            self.word.hand_over(queue.is_empty());
        } else if queue.is_empty() {
            self.word.emptied();
        }
        drop(queue);
        next.owned.set(hands_over);
        // SAFETY: popped here, so nobody else readies it.
        unsafe { next.waiter.ready() };
    }

    fn add(&self) {
        self.lock();
        self.add_and_unlock();
    }

    /// Once, if the lock is free.
    fn try_add(&self) -> bool {
        let seen = self.word.look();
        let taken = seen.is_free() && self.word.compete(seen, false).is_ok();
        if taken {
            self.add_and_unlock();
        }
        taken
    }

    fn add_and_unlock(&self) {
        self.value.set(self.value.get() + 1);
        self.unlock();
    }
}

/// Threads that lock so many times each; the caller is one of them. Another comes by once, and does not wait.
fn lockers(patience: bool, times: &'static [u32], comes_by: bool) {
    model(move || {
        let mutex = Mutex::new(patience);
        let add = |mutex: &Mutex, n: u32| (0..n).for_each(|_| mutex.add());
        let (mine, theirs) = times.split_first().expect("the caller");
        let others: Vec<_> = theirs
            .iter()
            .map(|&n| {
                let mutex = mutex.clone();
                thread::spawn(move || add(&mutex, n))
            })
            .collect();
        let newcomer = comes_by.then(|| {
            let mutex = mutex.clone();
            thread::spawn(move || u32::from(mutex.try_add()))
        });
        add(&mutex, *mine);
        others.into_iter().for_each(|other| other.join().unwrap());
        let more = newcomer.map_or(0, |newcomer| newcomer.join().unwrap());
        assert_eq!(mutex.value.get(), times.iter().sum::<u32>() + more);
        assert_eq!(mutex.word.look(), Seen(0), "nobody is left, and nobody was woken in vain");
    });
}

#[test]
fn model_two_take_turns() {
    lockers(false, &[2, 2], false);
}

#[test]
fn model_three_exclude_each_other_and_nobody_is_left_waiting() {
    lockers(false, &[1, 1, 1], false);
}

/// Who loses after a wake-up is handed the lock; one who comes by just then does not get it.
#[test]
fn model_nobody_comes_between_a_hand_over() {
    lockers(false, &[2, 1], true);
}

/// Who loses after a wake-up waits again, and is woken again.
#[test]
fn model_who_loses_is_woken_again() {
    lockers(true, &[2, 1], true);
}
