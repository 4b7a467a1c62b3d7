//! A P whose holder cannot be reached: what lies with it goes to others.
//!
//! A goroutine may have blocked the signal, or be in a long critical section; or the kernel does not let its thread run. It
//! has the P all the same, and what waits there waits: others look at a P's queues when they have nothing else to do, so
//! beside hogs never. So once no goroutine has been dispatched for two slices' time, while somebody waits, the P counts as deserted:
//!
//! - The monitor takes what is in its `next` and its ring, as a thief does, and puts it into the global queue; again at each
//!   look, for the goroutine may go on making others ready. There each waits for as many slices as there are others before it.
//! - Its timers stay where they are, since whoever armed one knows its heap. Others look at them between any two
//!   goroutines, as they now and then look at those of Ps that are out of service, and one that is due is urgent.
//!
//! It ends with the next dispatch. A P that is taken for deserted by mistake loses nothing but the order of its queue.
//! With one P there is nobody else.

use crate::p::P;
use crate::queue::list::List;
use crate::queue::local::{Batch, CAPACITY};
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;

/// How many slices of time a P may go without a dispatch: a hog takes one, and up to a half more until it is stopped, if its
/// thread gets a CPU all the time.
pub(crate) const SLICES: u64 = 2;

impl P {
    /// Whether others are to see to its timers.
    pub(crate) fn is_deserted(&self) -> bool {
        self.deserted.load(Ordering::Relaxed) // Relaxed: a hint.
    }
}

impl Scheduler {
    /// Whether any P is deserted.
    #[inline]
    pub(crate) fn any_deserted(&self) -> bool {
        self.deserted.load(Ordering::Relaxed) != 0 // Relaxed: a hint.
    }

    /// Ps whose timers nobody else looks at.
    pub(crate) fn unserved(&'static self) -> impl Iterator<Item = &'static P> {
        let in_service = if self.any_deserted() { self.procs() } else { 0 };
        let deserted = (0..in_service).map(|i| self.proc(i)).filter(|p| p.is_deserted());
        deserted.chain((self.procs()..self.created()).map(|i| self.proc(i)))
    }

    /// Whether `p` is deserted from now on. By the monitor.
    pub(crate) fn set_deserted(&self, p: &P, deserted: bool) {
        // Relaxed, all: hints, which the monitor alone writes.
        if p.is_deserted() != deserted {
            p.deserted.store(deserted, Ordering::Relaxed);
            let all = self.deserted.load(Ordering::Relaxed);
            let all = if deserted { all + 1 } else { all - 1 };
            self.deserted.store(all, Ordering::Relaxed);
        }
    }

    /// Moves what waits to run with `p` to the global queue. By the monitor.
    pub(crate) fn clear_out(&'static self, p: &'static P) {
        let barrier = || self.config.preempt.is_some_and(|preempt| preempt.barrier());
        self.carrying(|| {
            let mut left = List::new();
            if let Some(g) = p.steal_next(barrier) {
                left.push(g);
            }
            let mut batch = Batch::new();
            // Half of them each time. Not until none is left: the goroutine may go on spawning.
            for _ in 0..=CAPACITY.ilog2() {
                p.ring.steal_half(&mut batch);
                batch.drain().filter_map(|tagged| tagged.item()).for_each(|g| left.push(g));
                if left.is_empty() {
                    break;
                }
                self.inject_all(&mut left);
            }
        });
    }
}
