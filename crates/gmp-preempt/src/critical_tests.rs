//! Models of a request against a critical section. The handler is run by the thread itself at its signal
//! points, between any two steps of the real `enter` and `leave`: as a signal would.

use std::sync::atomic::AtomicU32 as PlainU32;

use super::{Ordering, Section};
use crate::{
    sync::{Arc, AtomicBool, Futex, model, on_signal, signal_point, thread},
    word::{Arrival, Ask, Word},
};

/// A thread under a model: its word, its section, its pending signal.
struct Sim {
    word: Word,
    section: Section,
    pending: AtomicBool,
    /// Set by `on_stop`, for who resumes.
    handed_over: Futex,
    /// How deep in `on_stop` the thread is; only the thread uses it.
    deciding: PlainU32,
    stops: PlainU32,
    must_sleep: bool,
}

impl Sim {
    fn new(must_sleep: bool) -> Arc<Sim> {
        Arc::new(Sim {
            word: Word::default(),
            section: Section::new(),
            pending: AtomicBool::new(false),
            handed_over: Futex::default(),
            deciding: PlainU32::new(0),
            stops: PlainU32::new(0),
            must_sleep,
        })
    }

    fn request(&self) {
        if self.word.ask(crate::word::When::Now) == Ask::Send {
            // A swap, not a store: loom lets a store be older than a swap that has not read it.
            self.pending.swap(true, Ordering::SeqCst);
            self.word.sent();
        }
    }

    /// What `signal::handler` and `Local::serve` do.
    fn handler(&self) {
        if self.pending.swap(false, Ordering::SeqCst) && !self.section.is_entered() {
            self.section.enter();
            self.serve();
            self.leave();
        }
    }

    /// What `Target::serve` does.
    fn serve(&self) {
        let Arrival::Stop(stopping) = self.word.arrive() else { return };
        assert_eq!(self.deciding.fetch_add(1, Ordering::Relaxed), 0, "on_stop within on_stop");
        let first = self.stops.fetch_add(1, Ordering::Relaxed) == 0;
        let sleeps = self.must_sleep && first;
        if sleeps {
            self.handed_over.0.store(1, Ordering::Release);
            self.handed_over.wake();
            signal_point();
            self.section.enter(); // on_stop may have sections of its own
            self.leave();
        }
        self.deciding.fetch_sub(1, Ordering::Relaxed);
        if sleeps {
            stopping.sleep();
        } else {
            stopping.decline();
        }
    }

    fn leave(&self) {
        self.section.leave(|| self.word.is_requested(), || self.serve());
    }
}

/// The request is served exactly once, by the handler or by the section's end, and never inside.
#[test]
fn a_request_is_served_once_and_not_inside() {
    model(|| {
        let sim = Sim::new(false);
        let monitor = {
            let sim = Arc::clone(&sim);
            thread::spawn(move || sim.request())
        };
        on_signal({
            let sim = Arc::clone(&sim);
            move || sim.handler()
        });
        sim.section.enter();
        let before = sim.stops.load(Ordering::Relaxed);
        signal_point();
        assert_eq!(sim.stops.load(Ordering::Relaxed), before, "stopped inside of a section");
        sim.leave();
        monitor.join().unwrap();
        on_signal(|| {});
        sim.handler(); // a signal that came after the last point
        assert!(!sim.word.is_requested(), "a request that nobody serves");
        assert_eq!(sim.stops.load(Ordering::Relaxed), 1);
    });
}

/// As above with a section inside a section: only the outermost end serves.
#[test]
fn sections_nest() {
    model(|| {
        let sim = Sim::new(false);
        sim.section.enter();
        sim.section.enter();
        sim.request();
        sim.leave();
        assert_eq!(sim.stops.load(Ordering::Relaxed), 0, "stopped inside of the outer section");
        sim.leave();
        assert_eq!(sim.stops.load(Ordering::Relaxed), 1);
        assert!(!sim.section.is_entered());
    });
}

/// While the section's end serves, the thread is resumed and asked again: the handler must not decide
/// inside of the decision, and the second request must not be lost.
#[test]
fn a_request_during_the_ends_service_waits() {
    model(|| {
        let sim = Sim::new(true);
        on_signal({
            let sim = Arc::clone(&sim);
            move || sim.handler()
        });
        sim.section.enter();
        sim.request();
        let resumer = {
            let sim = Arc::clone(&sim);
            thread::spawn(move || {
                while sim.handed_over.0.load(Ordering::Acquire) == 0 {
                    sim.handed_over.wait(0);
                }
                let _: crate::word::Resume = sim.word.resume();
                sim.request();
            })
        };
        sim.leave();
        resumer.join().unwrap();
        on_signal(|| {});
        sim.handler();
        assert_eq!(sim.stops.load(Ordering::Relaxed), 2, "each request has its stop");
    });
}

/// The counter wraps nowhere and ends at zero.
#[test]
fn the_count_is_balanced() {
    model(|| {
        let served = PlainU32::new(0);
        let section = Section::new();
        for _ in 0..3 {
            section.enter();
        }
        for left in (0..3).rev() {
            assert!(section.is_entered());
            section.leave(|| false, || _ = served.fetch_add(1, Ordering::Relaxed));
            assert_eq!(section.is_entered(), left > 0);
        }
        assert_eq!(served.load(Ordering::Relaxed), 0);
    });
}
