//! Two goroutines of a bubble, modelled: one waits, the other wakes it if it can see it; the last one settles, alone.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

struct Model {
    active: Active,
    /// 1: the wait is visible. 2: somebody has ended it.
    wait: AtomicUsize,
    /// What each did before it was off the count.
    done: [RaceCell; 2],
}

impl Model {
    /// By who brought the number to zero: sees all that was done, and who waits.
    fn settle(&self) {
        let all: u32 = self.done.iter().map(RaceCell::get).sum();
        assert_eq!(all, 2, "somebody was not done");
        assert_eq!(self.wait.load(Ordering::Relaxed), 1, "settled, and nobody waits");
    }
}

/// The waker looks once. If it sees the waiter it makes it active again, and the waiter, which goes on, ends after all.
#[test]
fn model_the_last_one_is_alone() {
    model(|| {
        let m = Arc::new(Model {
            active: Active::new(2),
            wait: AtomicUsize::new(0),
            done: [RaceCell::new(), RaceCell::new()],
        });
        let waiter = {
            let m = m.clone();
            thread::spawn(move || {
                m.done[0].set(1);
                // Release: what it did is visible to who ends the wait.
                let left = m.active.block(|| m.wait.store(1, Ordering::Release));
                if left == Left::Nobody {
                    m.settle();
                }
                left
            })
        };
        m.done[1].set(1);
        // AcqRel: as above.
        let seen = m.wait.compare_exchange(1, 2, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if seen {
            m.active.add();
        }
        let left = m.active.remove();
        if left == Left::Nobody {
            assert!(!seen, "one that was woken is not counted");
            m.settle();
        }
        let both = [left, waiter.join().unwrap()];
        let settled = both.iter().filter(|left| **left == Left::Nobody).count();
        assert_eq!(settled, usize::from(!seen));
    });
}
