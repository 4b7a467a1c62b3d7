//! Memory that a peak has left behind goes back to the kernel although the process is never wholly idle.
//!
//! A stack that is given back stays resident, for the next goroutine: that is what makes starting one cheap. After ten
//! thousand connections it is 160 MiB. The monitor gives everything back once all Ps have idled for a second
//! (`monitor.rs`); this is for a process that has come down from a peak and goes on at a lower level. While some P idles, and the
//! free stacks are far more than those in use, their pages go back, once a second. Those used last are handed out
//! first, so what a steady load has to touch anew each second is what it uses at a time.
//!
//! In small portions, so that the monitor's other duties do not wait. Called by the monitor only; neither allocates nor
//! takes a lock that user code can hold.

use crate::clock;
use crate::scheduler::Scheduler;

/// Nanoseconds between two looks.
const PATIENCE: u64 = 1_000_000_000;

/// Free stacks that are no surplus: 4 to 8 MiB.
const SPARE: usize = 1024;

/// Stacks per portion: 32 take some 50 µs.
const PORTION: usize = 32;

/// When to look next.
#[derive(Debug)]
pub(crate) struct Surplus(u64);

impl Surplus {
    /// The first look is a while ahead: a runtime that starts has come down from no peak.
    pub(crate) fn new() -> Surplus {
        Surplus(clock::now() + PATIENCE)
    }

    /// Gives a portion back if it is time and there is a surplus.
    pub(crate) fn look(&mut self, sched: &Scheduler, now: u64) {
        if now < self.0 {
            return;
        }
        let stats = sched.stacks.stats();
        let surplus = stats.free > SPARE + 2 * stats.live;
        if !surplus || sched.stacks.trim_portion(PORTION) == 0 {
            self.0 = now + PATIENCE;
        }
    }
}
