//! Cancelling against firing, modelled: one of them ends the timer, and the context outlives the call.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicUsize, Mutex, model, thread};
use crate::testing::RaceCell;

struct Timer {
    firing: Firing,
    /// On the waiter's stack: written before arming, read by the call, and reused afterwards.
    context: RaceCell,
    fired: AtomicUsize,
}

impl Timer {
    fn new() -> Arc<Timer> {
        Arc::new(Timer {
            firing: Firing::new(),
            context: RaceCell::new(),
            fired: AtomicUsize::new(0),
        })
    }

    fn fire(&self, seen: u64) {
        if self.firing.claim(seen) {
            assert_eq!(self.context.get(), 7, "fired before it was armed");
            self.fired.fetch_add(1, Ordering::Relaxed);
            self.firing.done();
        }
    }

    /// Cancels, and then uses the context for something else. Whether it was prevented.
    fn end(&self, armed: u64) -> bool {
        let prevented = self.firing.cancel(armed) == Cancelled::Prevented;
        while !prevented && self.firing.is_firing(armed) {
            thread::yield_now();
        }
        self.context.set(9);
        prevented
    }
}

#[test]
fn model_a_timer_fires_or_is_cancelled() {
    model(|| {
        let timer = Timer::new();
        let fires = {
            let timer = timer.clone();
            thread::spawn(move || timer.fire(timer.firing.look()))
        };
        timer.context.set(7);
        let armed = timer.firing.arm();
        let prevented = timer.end(armed);
        fires.join().expect("fires");
        assert_eq!(timer.fired.load(Ordering::Relaxed), usize::from(!prevented));
    });
}

/// Who saw the last use of a node does not fire the next one, nor cancel it.
#[test]
fn model_a_use_is_not_taken_for_another() {
    model(|| {
        let timer = Timer::new();
        timer.context.set(7);
        let first = timer.firing.arm();
        let fires = {
            let timer = timer.clone();
            thread::spawn(move || timer.fire(first))
        };
        let prevented = timer.end(first);
        timer.context.set(8);
        let second = timer.firing.arm();
        fires.join().expect("fires");
        assert_eq!(timer.fired.load(Ordering::Relaxed), usize::from(!prevented));
        assert_eq!(timer.firing.cancel(first), Cancelled::TooLate);
        assert_eq!(timer.firing.cancel(second), Cancelled::Prevented);
    });
}

/// A heap of one node.
struct Heap {
    /// When it is due, if it is in the heap.
    due: Mutex<Option<u32>>,
    firing: Firing,
}

impl Heap {
    fn arm(&self, when: u32) -> u64 {
        let mut due = self.due.lock().expect("no panic");
        *due = Some(when);
        self.firing.arm()
    }

    /// T4.
    fn reset(&self, armed: u64, when: u32) -> bool {
        let mut due = self.due.lock().expect("no panic");
        let moves = due.is_some() && self.firing.is_armed(armed);
        if moves {
            *due = Some(when);
        }
        moves
    }

    /// T2, for what is due at `now`.
    fn fire(&self, now: u32) -> bool {
        let mut due = self.due.lock().expect("no panic");
        let taken = due.take_if(|when| *when <= now);
        let seen = self.firing.look();
        drop(due);
        let fired = taken.is_some() && self.firing.claim(seen);
        if fired {
            self.firing.done();
        }
        fired
    }
}

/// A timer is moved before it fires or not at all; and whoever is late moves nobody else's that has the node by then.
#[test]
fn model_a_timer_is_moved_or_fires() {
    model(|| {
        let heap = Arc::new(Heap { due: Mutex::new(None), firing: Firing::new() });
        let first = heap.arm(10);
        let other = {
            let heap = heap.clone();
            thread::spawn(move || {
                let fired = heap.fire(10);
                // The node is free again, and gets its next use.
                let second = fired.then(|| heap.arm(50));
                (fired, second)
            })
        };
        let moved = heap.reset(first, 30);
        let (fired, second) = other.join().expect("fires");
        assert_ne!(moved, fired);
        let when = heap.due.lock().expect("no panic").expect("armed");
        assert_eq!(when, if second.is_some() { 50 } else { 30 });
    });
}
