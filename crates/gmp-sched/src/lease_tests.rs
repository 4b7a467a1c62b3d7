//! A blocking section against the monitor, modelled: the P has one owner at a time.

use std::sync::Arc;

use super::*;
use crate::sync::{AtomicUsize, model, thread};
use crate::testing::RaceCell;

struct Model {
    lease: Lease,
    /// What belongs to whoever owns the P.
    owned: RaceCell,
    /// Times it was taken.
    taken: AtomicUsize,
}

impl Model {
    fn new() -> Arc<Model> {
        Arc::new(Model { lease: Lease::new(), owned: RaceCell::new(), taken: AtomicUsize::new(0) })
    }

    fn use_it(&self) {
        self.owned.set(self.owned.get() + 1);
    }

    /// The monitor's attempt, on what it saw before.
    fn retake(&self, seen: Seen) {
        if self.lease.retake(seen) {
            self.use_it();
            assert_eq!(self.taken.fetch_add(1, Ordering::Relaxed), 0, "taken twice");
        }
    }
}

/// Two sections, and a monitor that tries once: it takes the P out of the section that it has seen, or not at all.
#[test]
fn model_a_section_keeps_its_p_or_loses_it() {
    model(|| {
        let m = Model::new();
        m.use_it();
        let monitor = {
            let m = m.clone();
            thread::spawn(move || m.retake(m.lease.look()))
        };
        let mut sections = 0;
        while sections < 2 {
            let section = m.lease.enter();
            if !m.lease.leave(section) {
                break;
            }
            m.use_it();
            sections += 1;
        }
        let lost = sections < 2;
        monitor.join().expect("monitor");
        assert_eq!(m.taken.load(Ordering::Relaxed), usize::from(lost), "lost and nobody has it");
    });
}

/// The P was taken, and its next owner enters a section of its own: the first one's end does not take it back.
#[test]
fn model_sections_are_not_taken_for_each_other() {
    model(|| {
        let m = Model::new();
        let first = m.lease.enter();
        let monitor = {
            let m = m.clone();
            thread::spawn(move || {
                if !m.lease.retake(first) {
                    return false;
                }
                let second = m.lease.enter();
                assert!(m.lease.leave(second), "nobody may take it here");
                m.use_it();
                true
            })
        };
        let kept = m.lease.leave(first);
        if kept {
            m.use_it();
        }
        assert_ne!(kept, monitor.join().expect("monitor"), "one owner");
    });
}

/// The end of the runtime takes the P (Z2 of `stop.rs`): who finds it gone sees that the runtime stops.
#[test]
fn model_a_section_that_lost_its_p_to_the_end_sees_the_end() {
    model(|| {
        let m = Model::new();
        let stops = Arc::new(AtomicUsize::new(0));
        let section = m.lease.enter();
        let end = {
            let (m, stops) = (m.clone(), stops.clone());
            thread::spawn(move || {
                stops.store(1, Ordering::Relaxed);
                m.retake(section);
            })
        };
        if !m.lease.leave(section) {
            assert_eq!(stops.load(Ordering::Relaxed), 1, "it would go on");
        }
        end.join().expect("end");
    });
}
