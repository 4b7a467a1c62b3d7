//! The handler against the monitor: the P has one owner at every moment, and is never forgotten.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

struct Case {
    spare: Spare<RaceCell, RaceCell>,
    /// Stands for the M, and for what the P holds: its owner writes it.
    p: RaceCell,
}

impl Case {
    fn p(&self) -> *mut RaceCell {
        ptr::from_ref(&self.p).cast_mut()
    }

    /// S2. Whether the P was left.
    fn stop(&self) -> bool {
        let stops = self.spare.take().is_some();
        self.p.set(1);
        if stops {
            self.spare.leave(self.p());
        }
        stops
    }

    /// S3. Whether the P was left.
    fn serve(&self) -> bool {
        let left = self.spare.left().is_some();
        if left {
            self.p.set(2);
        }
        left
    }
}

/// Once the monitor has not been able to take back what it assigned, the P is left, sooner or later; else never.
#[test]
fn model_a_p_is_left_or_kept() {
    model(|| {
        let case = Arc::new(Case { spare: Spare::new(), p: RaceCell::new() });
        case.spare.assign(case.p());
        let handler = {
            let case = case.clone();
            thread::spawn(move || case.stop())
        };
        let served = case.serve();
        let reclaimed = case.spare.is_assigned() && case.spare.take().is_some();
        let stopped = handler.join().expect("handler");
        assert_eq!(stopped, !reclaimed);
        assert_eq!(stopped, served || case.serve());
    });
}
