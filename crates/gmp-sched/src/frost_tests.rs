//! The freezer against an M, modelled: while it is frozen nobody takes up a parked goroutine, also in the second freeze.

use std::sync::Arc;

use super::*;
use crate::hold::Hold;
use crate::sync::{AtomicU32, fence, model, thread};
use crate::testing::RaceCell;

/// A goroutine: whether its context is saved, and its stack.
struct Goroutine {
    parked: AtomicU32,
    stack: RaceCell,
}

impl Goroutine {
    fn new() -> Goroutine {
        Goroutine { parked: AtomicU32::new(1), stack: RaceCell::new() }
    }

    /// An M takes it up and runs it.
    fn go_on(&self) {
        self.parked.store(0, Ordering::Relaxed); // Relaxed: as the context is taken.
        self.stack.set(1);
    }

    fn park(&self) {
        self.stack.set(2);
        self.parked.store(1, Ordering::Release); // Release: as the context is saved.
    }
}

struct Model {
    frost: Frost<AtomicU32>,
    waits: Waits<AtomicU32>,
    /// The M's; the P stands for itself.
    hold: Hold<()>,
    /// The P's request.
    preempt: AtomicU32,
    /// Whether the M of `hold` holds the P.
    held: AtomicU32,
    goroutines: [Goroutine; 2],
}

impl Model {
    fn new() -> Arc<Model> {
        Arc::new(Model {
            frost: Frost::new(AtomicU32::new(0), AtomicU32::new(0)),
            waits: Waits::new(AtomicU32::new(0)),
            hold: Hold::new(),
            preempt: AtomicU32::new(0),
            held: AtomicU32::new(1),
            goroutines: [Goroutine::new(), Goroutine::new()],
        })
    }

    /// Takes back a request to give way.
    fn end_slice(&self) {
        let set = |asked| self.preempt.store(asked, Ordering::Relaxed);
        self.frost.clear(|| set(0), || set(1));
    }

    /// In the first goroutine, with the P: it parks, and the second one runs straight after it if nobody asks to give way.
    fn go_straight_on(&self) {
        let [first, second] = &self.goroutines;
        let _ = self.hold.enter();
        let asked = self.preempt.load(Ordering::Relaxed) != 0;
        first.park();
        if !asked {
            second.go_on();
            second.park();
        }
    }

    /// From g0: takes back a request to give way, and runs the first goroutine, and the second one straight after it if
    /// nobody asks to give way. Ends on g0.
    fn dispatch(&self) {
        self.end_slice();
        if self.frost.holds() {
            self.frost.wait(&self.waits, |_, _| thread::yield_now());
        }
        self.goroutines[0].go_on();
        self.hold.leave();
        self.go_straight_on();
    }

    /// A dump: looks at the stacks of those that are parked.
    fn dump(&self) {
        let barrier = || {
            // SeqCst fence: pairs with the light fences of the M's side.
            fence(Ordering::SeqCst);
            true
        };
        assert!(self.frost.begin(barrier, || self.preempt.store(1, Ordering::Relaxed)));
        // Acquire: pairs with Release where the P is laid down, and taken.
        let held = || self.held.load(Ordering::Acquire) == 1;
        while held() && !self.waits.get() && self.hold.is_seen_critical() {
            thread::yield_now();
        }
        for g in &self.goroutines {
            // Acquire: pairs with Release in `park`.
            if g.parked.load(Ordering::Acquire) == 1 {
                g.stack.get();
            }
        }
        self.frost.end(|_| ());
    }
}

fn model_dumps(dumps: usize, dispatches: usize) {
    model(move || {
        let m = Model::new();
        let runs = {
            let m = m.clone();
            thread::spawn(move || {
                (0..dispatches).for_each(|_| m.dispatch());
                // It leaves its P: nobody waits for it any more.
                m.hold.leave();
            })
        };
        (0..dumps).for_each(|_| m.dump());
        runs.join().unwrap();
    });
}

#[test]
fn model_parked_goroutines_stay_parked() {
    model_dumps(1, 2);
}

#[test]
fn model_the_second_freeze_trusts_nobody_of_the_first() {
    model_dumps(2, 1);
}

/// Somebody in the middle of the first goroutine gets the P whose request was taken back, after `then`; it parks, and is followed
/// straight away by the second one, which is parked, unless it is asked to give way.
fn model_a_request_is_taken_back(critical: bool, then: fn(&Model)) {
    model(move || {
        let m = Model::new();
        if !critical {
            m.hold.leave();
        }
        m.preempt.store(1, Ordering::Relaxed);
        m.goroutines[0].parked.store(0, Ordering::Relaxed);
        let runs = {
            let m = m.clone();
            thread::spawn(move || {
                m.end_slice();
                then(&m);
                m.go_straight_on();
                m.hold.leave();
            })
        };
        m.dump();
        runs.join().unwrap();
    });
}

/// The monitor takes it back, and gives the P to a goroutine that was stopped in its handler: outside of critical sections.
#[test]
fn model_the_monitor_does_not_take_back_the_freezers_request() {
    model_a_request_is_taken_back(false, |_| ());
}

/// An M takes it back, finds nothing, and lays the P down. Somebody in the middle of a goroutine takes it, whom the freezer
/// does not look at any more.
#[test]
fn model_who_finds_nothing_does_not_take_back_the_freezers_request() {
    model_a_request_is_taken_back(true, |m| {
        m.held.swap(0, Ordering::Release); // Release: pairs with Acquire in `dump`.
        // The same thread stands for the other one, in a critical section as well: the lock of the lists orders the two.
        m.held.swap(1, Ordering::Release); // Release: as above.
        // SeqCst fence: as in `M::set_p`; pairs with the second barrier of the freezer.
        fence(Ordering::SeqCst);
        m.hold.leave();
    });
}
