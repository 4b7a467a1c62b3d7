//! The ring, modelled: nothing is read that is not written, nothing overwritten that is not read, all in order.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

/// In each place.
const EVENTS: u64 = 2;

struct Model {
    ring: Ring<RaceCell>,
    _places: Box<[RaceCell; 2]>,
}

impl Model {
    fn new() -> Arc<Model> {
        let mut places = Box::new([RaceCell::new(), RaceCell::new()]);
        // SAFETY: two places, which the model owns.
        let ring = unsafe { Ring::new(NonNull::from(&mut *places).cast(), 2) };
        Arc::new(Model { ring, _places: places })
    }

    fn put(&self, value: u32) -> bool {
        // SAFETY: a place of the ring.
        self.ring.put(EVENTS, |place| unsafe { place.as_ref() }.set(value))
    }

    fn drain(&self, seen: &mut Vec<u32>) {
        // SAFETY: as above.
        self.ring.drain(|place| seen.push(unsafe { place.as_ref() }.get()));
    }
}

/// Three values through two places, drained twice meanwhile and once more in the end. What had no room is counted.
#[test]
fn model_events_arrive_in_order() {
    model(|| {
        let m = Model::new();
        let writer = {
            let m = m.clone();
            thread::spawn(move || [1, 2, 3].into_iter().filter(|&n| m.put(n)).collect::<Vec<u32>>())
        };
        let mut seen = Vec::new();
        m.drain(&mut seen);
        m.drain(&mut seen);
        let written = writer.join().unwrap();
        m.drain(&mut seen);
        assert_eq!(seen, written);
        assert!(written.starts_with(&[1, 2]), "there was room");
        assert_eq!(m.ring.lost(), EVENTS * (3 - written.len() as u64));
    });
}
