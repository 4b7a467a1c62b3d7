//! The sheet changes hands, modelled: it is one party's at a time, and what was written is seen.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

struct Model {
    slot: Slot<RaceCell>,
    sheet: Sheet<RaceCell>,
}

impl Model {
    fn content(&self) -> &RaceCell {
        // SAFETY: alive as long as the model; its use is what is checked.
        unsafe { &*self.sheet.content() }
    }
}

/// The thread comes by once, at any time; the photographer's patience ends at any time.
#[test]
fn model_a_sheet_has_one_owner() {
    model(|| {
        let m = Arc::new(Model { slot: Slot::new(), sheet: Sheet::new(RaceCell::new()) });
        m.content().set(1);
        m.slot.offer(&m.sheet);
        let thread = {
            let m = m.clone();
            thread::spawn(move || {
                // SAFETY: the model outlives the thread.
                let Some(sheet) = (unsafe { m.slot.take() }) else { return false };
                sheet.fill(|content| {
                    // SAFETY: taken out of the slot.
                    let content = unsafe { &*content };
                    assert_eq!(content.get(), 1);
                    content.set(2);
                    true
                });
                true
            })
        };
        let filled = if m.sheet.outcome() == Outcome::Blank && m.slot.withdraw() {
            m.content().set(3);
            false
        } else {
            while m.sheet.outcome() == Outcome::Blank {
                thread::yield_now();
            }
            assert_eq!(m.content().get(), 2);
            true
        };
        assert_eq!(thread.join().unwrap(), filled);
    });
}
