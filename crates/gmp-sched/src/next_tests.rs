//! `next`, modelled: an owner that goes in and out of sections, and a thief.

use std::sync::Arc;

use super::*;
use crate::sync::{fence, light_fence, model, thread};
use crate::testing::RaceCell;

/// What is passed on: content that must be visible, and how often it was taken.
struct Element {
    written: RaceCell,
    taken: AtomicU32,
}

struct Model {
    next: Next<Element>,
    critical: AtomicU32,
    elements: [Element; 2],
}

impl Model {
    fn new() -> Arc<Model> {
        let element = || Element { written: RaceCell::new(), taken: AtomicU32::new(0) };
        Arc::new(Model {
            next: Next::new(true),
            critical: AtomicU32::new(0),
            elements: [element(), element()],
        })
    }

    /// A section of the owner (retake.md, E1, E2, L1).
    fn section<R>(&self, body: impl FnOnce() -> R) -> R {
        self.critical.store(1, Ordering::Relaxed);
        light_fence();
        let result = body();
        self.critical.store(0, Ordering::Release);
        result
    }

    fn put(&self, index: usize) {
        self.elements[index].written.set(7);
        let displaced = self.section(|| self.next.put(NonNull::from(&self.elements[index])));
        displaced.into_iter().for_each(Model::take);
    }

    /// The thief's attempt; the model's heavy fence is a full one.
    fn steal(&self) {
        let barrier = || {
            // SeqCst fence (N2): pairs with E2.
            fence(Ordering::SeqCst);
            true
        };
        let busy = || self.critical.load(Ordering::Acquire) != 0;
        self.next.steal(barrier, busy).into_iter().for_each(Model::take);
    }

    fn take(element: NonNull<Element>) {
        // SAFETY: points into the model, which both threads keep.
        let element = unsafe { element.as_ref() };
        assert_eq!(element.written.get(), 7, "taken before it was written");
        assert_eq!(element.taken.fetch_add(1, Ordering::Relaxed), 0, "taken twice");
    }

    fn check(&self, put: usize) {
        self.section(|| self.next.take()).into_iter().for_each(Model::take);
        let taken: u32 = self.elements.iter().map(|e| e.taken.load(Ordering::Relaxed)).sum();
        assert_eq!(taken as usize, put, "lost");
    }
}

/// The owner puts and takes while a thief tries: each element is taken once.
#[test]
fn model_owner_and_thief_never_have_the_same() {
    model(|| {
        let m = Model::new();
        m.put(0);
        let thief = {
            let m = m.clone();
            thread::spawn(move || m.steal())
        };
        m.section(|| m.next.take()).into_iter().for_each(Model::take);
        thief.join().expect("thief");
        m.check(1);
    });
}

/// The owner finds the slot as a thief has left it, and the thief what the owner has put.
#[test]
fn model_what_one_leaves_the_other_finds() {
    model(|| {
        let m = Model::new();
        m.put(0);
        let thief = {
            let m = m.clone();
            thread::spawn(move || m.steal())
        };
        m.put(1);
        thief.join().expect("thief");
        m.check(2);
    });
}

/// Two thieves at once.
#[test]
fn model_two_thieves() {
    model(|| {
        let m = Model::new();
        m.put(0);
        let thieves = [0, 1].map(|_| {
            let m = m.clone();
            thread::spawn(move || m.steal())
        });
        m.section(|| m.next.take()).into_iter().for_each(Model::take);
        thieves.into_iter().for_each(|t| t.join().expect("thief"));
        m.check(1);
    });
}
