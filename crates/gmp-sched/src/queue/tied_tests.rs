//! The queue of tied goroutines beside the global one, modelled; the locks are the model checker's, the rest is the text that
//! runs.

use std::sync::Arc;

use super::*;
use crate::queue::global::Figures;
use crate::sync::{Mutex, fence, model, thread};

struct Item {
    link: *mut Item,
    turn: Cell<u64>,
    taken: AtomicUsize,
}

// SAFETY: one location per object.
unsafe impl Linked for Item {
    fn link(this: NonNull<Self>) -> *mut *mut Self {
        // SAFETY: the tests' items live until the end.
        unsafe { &raw mut (*this.as_ptr()).link }
    }
}

impl Turn for Item {
    fn turn(&self) -> Option<&Cell<u64>> {
        Some(&self.turn)
    }
}

/// Both queues, and who sleeps.
struct Queues {
    tied: Mutex<List<Item>>,
    len: Length,
    global: Mutex<List<Item>>,
    figures: Figures,
    sleeping: AtomicUsize,
}

/// Where items lie: leaked for the time of a run, freed by `end`.
#[derive(Clone, Copy)]
struct Items([NonNull<Item>; 3]);

// SAFETY: the queues' locks order who links them.
unsafe impl Send for Items {}

impl Items {
    fn new() -> Items {
        Items([(); 3].map(|()| {
            let (turn, taken) = (Cell::new(u64::MAX), AtomicUsize::new(0));
            NonNull::from(Box::leak(Box::new(Item { link: std::ptr::null_mut(), turn, taken })))
        }))
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

fn count(item: NonNull<Item>) {
    // SAFETY: alive until `end`.
    unsafe { item.as_ref() }.taken.fetch_add(1, Ordering::Relaxed);
}

/// When the turn of a tied one has come; by who has taken it, or is alone.
fn turn_of(item: NonNull<Item>) -> u64 {
    // SAFETY: alive until `end`.
    unsafe { item.as_ref() }.turn.get()
}

impl Queues {
    fn new() -> Arc<Queues> {
        Arc::new(Queues {
            tied: Mutex::new(List::new()),
            len: Length::new(),
            global: Mutex::new(List::new()),
            figures: Figures::new(),
            sleeping: AtomicUsize::new(0),
        })
    }

    fn push_global(&self, item: NonNull<Item>) {
        let mut one = List::new();
        one.push(item);
        self.figures.append(&mut self.global.lock().expect("no panic"), &mut one);
    }

    fn take_global(&self) -> Option<NonNull<Item>> {
        self.figures.take(&mut self.global.lock().expect("no panic"), 1).pop()
    }

    fn push_tied(&self, item: NonNull<Item>) {
        let lock = || self.tied.lock().expect("no panic");
        self.len.push(lock, item, || self.figures.end(&self.global.lock().expect("no panic")));
    }

    fn next_tied(&self) -> Option<NonNull<Item>> {
        self.len.take(|| self.tied.lock().expect("no panic"), || self.figures.served())
    }

    fn oldest(&self) -> Option<NonNull<Item>> {
        self.len.take(|| self.tied.lock().expect("no panic"), || u64::MAX)
    }
}

/// T6: the worker sees the sleeper, or the sleeper sees the length.
#[test]
fn model_a_sleeper_sees_who_was_tied_or_is_seen() {
    model(|| {
        let (queues, items) = (Queues::new(), Items::new());
        let worker = {
            let queues = queues.clone();
            thread::spawn(move || {
                let items = { items };
                queues.push_tied(items.0[0]);
                fence(Ordering::SeqCst);
                queues.sleeping.load(Ordering::Relaxed) == 1
            })
        };
        queues.sleeping.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let found = queues.next_tied();
        let woken = worker.join().expect("worker");
        assert!(woken || found.is_some(), "a thread waits for a P, and everybody sleeps");
        found.or_else(|| queues.next_tied()).into_iter().for_each(count);
        for item in [1, 2].map(|i| items.0[i]) {
            queues.push_tied(item);
            queues.oldest().into_iter().for_each(count);
        }
        items.end();
    });
}

/// T4: two append, two take, one of them before its turn.
#[test]
fn model_each_tied_one_is_taken_once() {
    model(|| {
        let (queues, items) = (Queues::new(), Items::new());
        queues.push_tied(items.0[0]);
        let workers = [true, false].map(|pushes| {
            let queues = queues.clone();
            thread::spawn(move || {
                let items = { items };
                if pushes {
                    queues.push_tied(items.0[1]);
                } else {
                    queues.next_tied().into_iter().for_each(count);
                }
            })
        });
        queues.oldest().into_iter().for_each(count);
        workers.into_iter().for_each(|w| w.join().expect("worker"));
        queues.push_tied(items.0[2]);
        while let Some(item) = queues.oldest() {
            count(item);
        }
        assert_eq!(queues.len.get(), 0);
        items.end();
    });
}

/// T5: two are tied while a goroutine is put into the global queue between them, or before, or behind. Each runs when all have
/// been taken from there that were before it, and no later.
#[test]
fn model_no_tied_one_waits_for_more_than_was_before_it() {
    model(|| {
        let (queues, items) = (Queues::new(), Items::new());
        let worker = {
            let queues = queues.clone();
            thread::spawn(move || {
                let items = { items };
                queues.push_tied(items.0[0]);
            })
        };
        queues.push_global(items.0[1]);
        queues.push_tied(items.0[2]);
        worker.join().expect("worker");
        let mut left = 3;
        while left > 0 {
            left -= 1;
            let served = queues.figures.taken();
            let tied = queues.next_tied();
            if let Some(item) = tied {
                assert_eq!(turn_of(item), served, "one that came later was before it");
            }
            count(tied.or_else(|| queues.take_global()).expect("three were put in"));
        }
        items.end();
    });
}

/// T5, the other side: nobody is let go before its turn because the global queue was empty before it came.
#[test]
fn model_no_tied_one_overtakes() {
    model(|| {
        let (queues, items) = (Queues::new(), Items::new());
        let worker = {
            let queues = queues.clone();
            thread::spawn(move || {
                let items = { items };
                queues.push_global(items.0[0]);
                queues.push_tied(items.0[1]);
            })
        };
        assert!(
            queues.next_tied().is_none(),
            "it has overtaken one that waits in the global queue"
        );
        worker.join().expect("worker");
        queues.push_tied(items.0[2]);
        for expected in items.0 {
            let taken = queues.next_tied().or_else(|| queues.take_global());
            assert_eq!(taken, Some(expected), "one FIFO");
            count(expected);
        }
        items.end();
    });
}
