//! The wake-up protocol, modelled: work is never left while its P's M sleeps.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicUsize, model, thread};

/// A queue of one number, an idle word, and a record of who was woken.
struct Model {
    idle: Idle,
    /// Published and not taken.
    work: AtomicUsize,
    /// Wake-ups sent to the sleeper.
    woken: AtomicUsize,
    taken: AtomicUsize,
}

impl Model {
    fn new() -> Arc<Model> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Model { idle: Idle::new(), work: zero(), woken: zero(), taken: zero() })
    }

    /// W1 to W5.
    fn publish(&self) {
        // Relaxed: the ring's Release/Acquire is modelled elsewhere; here only the fences order.
        self.work.fetch_add(1, Ordering::Relaxed);
        if self.idle.published() == Published::Wake {
            self.woken.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> bool {
        let seen = self.work.load(Ordering::Relaxed);
        let took = seen > 0
            && self
                .work
                .compare_exchange(seen, seen - 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if took {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        took
    }

    /// I1 to I5 for an M that searched or not; true when it went to sleep.
    fn go_idle(&self, searching: bool) -> bool {
        self.idle.announce();
        if searching {
            let _ = self.idle.leave_search();
        }
        self.idle.announced();
        if !mutant("idle_no_recheck") && self.take() {
            self.idle.retract();
            return false;
        }
        true
    }
}

/// One M publishes while the other goes to sleep without having searched.
#[test]
fn model_no_work_is_left_beside_a_sleeper() {
    model(|| {
        let m = Model::new();
        let worker = {
            let m = m.clone();
            thread::spawn(move || m.publish())
        };
        let asleep = m.go_idle(false);
        worker.join().expect("worker");
        let (woken, taken) = (m.woken.load(Ordering::Relaxed), m.taken.load(Ordering::Relaxed));
        assert!(!asleep || woken == 1, "work lies there, the M sleeps, nobody woke it");
        assert_eq!(taken, usize::from(!asleep));
    });
}

/// The worker trusts a searcher, which then finds nothing and goes to sleep.
#[test]
fn model_a_leaving_searcher_is_not_trusted_in_vain() {
    model(|| {
        let m = Model::new();
        assert!(m.idle.try_search(2));
        let worker = {
            let m = m.clone();
            thread::spawn(move || m.publish())
        };
        let asleep = m.go_idle(true);
        worker.join().expect("worker");
        assert!(
            !asleep || m.woken.load(Ordering::Relaxed) == 1,
            "trusted a searcher that went to sleep"
        );
    });
}

/// A searcher takes one of two pieces of work and leaves; the other piece must not be forgotten.
#[test]
fn model_a_satisfied_searcher_passes_the_search_on() {
    model(|| {
        let m = Model::new();
        m.idle.announce(); // A third M sleeps all along.
        assert!(m.idle.try_search(3));
        m.work.store(1, Ordering::Relaxed);
        let worker = {
            let m = m.clone();
            thread::spawn(move || m.publish())
        };
        while !m.take() {
            thread::yield_now(); // Lost against the worker's addition.
        }
        let last = m.idle.leave_search() == LeftSearch::Last;
        if last && !mutant("idle_no_chain") && m.idle.published() == Published::Wake {
            m.woken.fetch_add(1, Ordering::Relaxed);
        }
        worker.join().expect("worker");
        let left = m.work.load(Ordering::Relaxed);
        assert_eq!(left, 1);
        assert!(
            m.woken.load(Ordering::Relaxed) >= 1,
            "one piece of work, a sleeping M, and nobody woken"
        );
    });
}

/// One claims the search and finds no idle P left; meanwhile a P becomes idle, and another worker trusts the
/// search that is about to be given up.
#[test]
fn model_a_search_given_up_is_not_trusted_in_vain() {
    model(|| {
        let m = Model::new();
        // The first worker has claimed the search and found the last idle P gone.
        m.idle.announce();
        assert_eq!(m.idle.published(), Published::Wake);
        m.idle.retract();
        let worker = {
            let m = m.clone();
            thread::spawn(move || m.publish())
        };
        let claimant = {
            let m = m.clone();
            thread::spawn(move || {
                if m.idle.give_up_search() {
                    m.woken.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let asleep = m.go_idle(false);
        worker.join().expect("worker");
        claimant.join().expect("claimant");
        assert!(
            !asleep || m.woken.load(Ordering::Relaxed) >= 1,
            "work, a sleeper, and nobody woken"
        );
    });
}
