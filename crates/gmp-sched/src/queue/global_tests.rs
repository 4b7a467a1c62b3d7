//! The figures beside the global queue's lock, modelled; the lock is the model checker's, the rest is the text that runs.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicUsize, Mutex, fence, model, thread};

struct Item {
    link: *mut Item,
    taken: AtomicUsize,
}

// SAFETY: one location per object.
unsafe impl Linked for Item {
    fn link(this: NonNull<Self>) -> *mut *mut Self {
        // SAFETY: the tests' items live until the end.
        unsafe { &raw mut (*this.as_ptr()).link }
    }
}

struct Queue {
    list: Mutex<List<Item>>,
    figures: Figures,
    sleeping: AtomicUsize,
}

/// Where items lie: leaked for the time of a run, freed by `end`.
#[derive(Clone, Copy)]
struct Items([NonNull<Item>; 2]);

// SAFETY: the queue's lock orders who links them.
unsafe impl Send for Items {}

impl Items {
    fn new() -> Items {
        Items([(); 2].map(|()| {
            let item = Item { link: std::ptr::null_mut(), taken: AtomicUsize::new(0) };
            NonNull::from(Box::leak(Box::new(item)))
        }))
    }

    fn take(list: &mut List<Item>) {
        while let Some(item) = list.pop() {
            // SAFETY: alive until `end`.
            unsafe { item.as_ref() }.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each was taken once.
    fn end(self) {
        for item in self.0 {
            // SAFETY: leaked by `new`, and nobody else is left.
            let item = unsafe { Box::from_raw(item.as_ptr()) };
            assert_eq!(item.taken.load(Ordering::Relaxed), 1);
        }
    }
}

impl Queue {
    fn new() -> Arc<Queue> {
        Arc::new(Queue {
            list: Mutex::new(List::new()),
            figures: Figures::new(),
            sleeping: AtomicUsize::new(0),
        })
    }

    fn push(&self, item: NonNull<Item>) {
        let mut one = List::new();
        one.push(item);
        self.figures.append(&mut self.list.lock().expect("no panic"), &mut one);
    }

    fn take(&self, n: usize) -> List<Item> {
        if self.figures.len() == 0 {
            return List::new();
        }
        self.figures.take(&mut self.list.lock().expect("no panic"), n)
    }
}

/// W2 against I3: the worker sees the sleeper, or the sleeper sees the length.
#[test]
fn model_a_sleeper_sees_what_was_pushed_or_is_seen() {
    model(|| {
        let (queue, items) = (Queue::new(), Items::new());
        let worker = {
            let queue = queue.clone();
            thread::spawn(move || {
                let Items([first, _]) = { items };
                queue.push(first);
                fence(Ordering::SeqCst);
                queue.sleeping.load(Ordering::Relaxed) == 1
            })
        };
        queue.sleeping.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut found = queue.take(1);
        let woken = worker.join().expect("worker");
        assert!(woken || found.len() == 1, "work lies there and everybody sleeps");
        Items::take(&mut found);
        queue.push(items.0[1]);
        Items::take(&mut queue.take(2));
        items.end();
    });
}

/// Two who push and one who takes: each item once, and the figures are right in the end.
#[test]
fn model_each_is_taken_once() {
    model(|| {
        let (queue, items) = (Queue::new(), Items::new());
        let workers = [0, 1].map(|i| {
            let queue = queue.clone();
            thread::spawn(move || {
                let items = { items };
                queue.push(items.0[i]);
            })
        });
        Items::take(&mut queue.take(1));
        workers.into_iter().for_each(|w| w.join().expect("worker"));
        Items::take(&mut queue.take(2));
        assert_eq!((queue.figures.len(), queue.figures.taken.load(Ordering::Relaxed)), (0, 2));
        items.end();
    });
}
