//! Cancelling against firing, modelled: one of them ends the timer, and the context outlives the call.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicUsize, model, thread};
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
