//! The parker's word, modelled with a kernel made of a lock and a condition: no wake is lost, nothing is seen too early.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicU32, Condvar, Mutex, model, thread};
use crate::testing::RaceCell;

/// A futex: compares under its lock, and wakes under it.
struct Kernel {
    lock: Mutex<()>,
    wakes: Condvar,
}

struct Place {
    word: WakeWord<AtomicU32>,
    kernel: Kernel,
    message: RaceCell,
}

impl Place {
    fn new() -> Arc<Place> {
        Arc::new(Place {
            word: WakeWord::over(AtomicU32::new(EMPTY)),
            kernel: Kernel { lock: Mutex::new(()), wakes: Condvar::new() },
            message: RaceCell::new(),
        })
    }

    fn park(&self) {
        if self.word.consume() || !self.word.announce() {
            return;
        }
        while !self.word.is_notified() {
            let held = self.kernel.lock.lock().expect("no panic");
            // Relaxed: the kernel's look, ordered by its lock.
            if self.word.raw().load(Ordering::Relaxed) == PARKED {
                drop(self.kernel.wakes.wait(held).expect("no panic"));
            }
        }
        assert!(self.word.finish(), "nobody else consumes");
    }

    fn unpark(&self) {
        // SAFETY: a reference is valid throughout.
        if unsafe { WakeWord::notify(&self.word) } {
            let _held = self.kernel.lock.lock().expect("no panic");
            self.kernel.wakes.notify_one();
        }
    }
}

/// Loom reports a sleeper that nobody wakes as a deadlock, and a message that is read unordered as a race.
#[test]
fn model_a_wake_is_not_lost_and_brings_its_message() {
    model(|| {
        let place = Place::new();
        let wakes = {
            let place = place.clone();
            thread::spawn(move || {
                place.message.set(7);
                place.unpark();
            })
        };
        place.park();
        assert_eq!(place.message.get(), 7, "woken before there was anything");
        wakes.join().expect("wakes");
    });
}

/// Two wakes, from two threads, end one park or two, and leave at most one behind.
#[test]
fn model_wakes_of_two_are_one_or_two() {
    model(|| {
        let place = Place::new();
        let wakes: Vec<_> = (0..2)
            .map(|_| {
                let place = place.clone();
                thread::spawn(move || place.unpark())
            })
            .collect();
        place.park();
        wakes.into_iter().for_each(|w| w.join().expect("wakes"));
        place.word.consume();
        assert!(!place.word.consume(), "a third");
    });
}
