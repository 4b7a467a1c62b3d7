//! Memory that a peak has left behind goes back to the kernel: the pages of stacks that nobody needs any more.
//!
//! A stack that is given back stays resident, for the next goroutine: that is what makes starting one cheap. After ten
//! thousand connections it is 160 MiB. So the monitor, which has time when others have none to lose, gives back
//!
//! - everything, once the process has idled for a second ([`PATIENCE`]): then nobody notices that the next burst has to
//!   touch its pages anew (2 µs each);
//! - everything, once a second, while some P idles and the free stacks are far more than those in use: a process that
//!   has come down from a peak and is never wholly idle. Those used last are handed out first, so that what a steady load
//!   has to touch anew each second is what it uses at a time.
//!
//! In small portions, so that the monitor's other duties do not wait. Called by the monitor only; neither allocates nor
//! takes a lock that user code can hold.

use crate::scheduler::Scheduler;

/// Nanoseconds without any work after which free stacks are given back, and between two looks at a surplus. Long beside
/// the pauses of a loaded server, short beside what people wait for when they look at a process's memory.
pub(crate) const PATIENCE: u64 = 1_000_000_000;

/// Free stacks that are no surplus: 4 to 8 MiB.
const SPARE: usize = 1024;

/// Stacks per portion: 32 take some 50 µs.
const PORTION: usize = 32;

/// Gives one portion back; 0 when there is nothing left.
pub(crate) fn give_back_some(sched: &Scheduler) -> usize {
    sched.stacks.trim_some(PORTION)
}

/// When to look next.
#[derive(Debug)]
pub(crate) struct Surplus(u64);

impl Surplus {
    /// Not looked yet.
    pub(crate) fn new() -> Surplus {
        Surplus(0)
    }

    /// Gives a portion back if it is time and there is a surplus.
    pub(crate) fn look(&mut self, sched: &Scheduler, now: u64) {
        if now < self.0 {
            return;
        }
        let stats = sched.stacks.stats();
        let surplus = stats.free > SPARE + 2 * stats.live;
        if !surplus || give_back_some(sched) == 0 {
            self.0 = now + PATIENCE;
        }
    }
}
