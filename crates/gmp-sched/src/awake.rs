//! Who is in a system call is sent no signal: the call might end with `EINTR`, which nobody but us has caused.
//!
//! A thread whose CPU clock advances computes, and its signal reaches it within microseconds. One whose clock stands still
//! is not on a CPU, and that has three reasons:
//!
//! - It **sleeps**, which the kernel says.
//! - It is **ready, and was put off its CPU** while it computed, mostly by the monitor itself, which needs one too. It
//!   takes its signal before it computes on. On few CPUs that is every other hog.
//! - It is **ready, and wakes from a call**, which it has not left yet. The kernel looks for signals once more when a call
//!   that has a timeout ends; so a `poll` that is over fails if there is one.
//!
//! The last two look alike but for the kernel's count of how often the thread has gone to sleep. Being stopped is a sleep
//! as well, and those are counted here. So: what the kernel counted at an earlier look, and the stops since then, are
//! together what it counts now, if the thread has not slept otherwise. If they are not it has, nobody knows when, and the
//! thread is left alone until the next look, which begins with what this one has read. A thread that never sleeps passes at
//! once; one that does passes once it has computed from one look to the next.
//!
//! What remains is a thread that computes when it is looked at, and has made a call by the time the signal is there, some
//! microseconds later. That is seldom, unless it computes for microseconds only between one sleep and the next. Such a
//! thread loses its P by sleeping, so from one that has none more is asked: that it has computed from one look to the next.

use std::cell::Cell;

use crate::m::M;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicU64, Ordering};

/// What is known of one thread's sleeps, in its M.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How often it was stopped. Written by the thread only.
    stops: AtomicU64,
    /// What the kernel counted at the last look, less the stops until then. The monitor's.
    others: Cell<u64>,
}

impl Record {
    /// The thread is about to sleep in its handler. By the thread; async-signal-safe.
    pub(crate) fn stopped(&self) {
        // Relaxed, both: one writer; the monitor reads it of a thread that it finds off its CPU, or looks again.
        self.stops.store(self.stops.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether the thread, for which the kernel counts so many `sleeps`, has slept since the last call other than by being
    /// stopped. By the monitor.
    fn has_slept(&self, sleeps: u64) -> bool {
        // Relaxed: as above.
        let others = sleeps.wrapping_sub(self.stops.load(Ordering::Relaxed));
        self.others.replace(others) != others
    }
}

/// Whether `m` is or may be in a system call, which a signal would end.
pub(crate) fn would_be_disturbed(sched: &Scheduler, m: &M) -> bool {
    let cpu = sched.cpu_time(m);
    if cpu.is_none() || sched.cpu_time(m) != cpu {
        return false;
    }
    has_slept(sched, m)
}

/// Whether `m` sleeps, or has slept since the last look. False where the system does not tell.
pub(crate) fn has_slept(sched: &Scheduler, m: &M) -> bool {
    let (asleep, sleeps) = sched.rest(m);
    asleep || sleeps.is_some_and(|sleeps| m.awake.has_slept(sleeps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_no_sleeps() {
        let record = Record::default();
        assert!(record.has_slept(7), "nothing is known of it");
        assert!(!record.has_slept(7));
        record.stopped();
        assert!(!record.has_slept(8));
        record.stopped();
        assert!(record.has_slept(10), "one stop, two sleeps");
        assert!(!record.has_slept(10));
        record.stopped();
        assert!(
            record.has_slept(10),
            "let go on before it had gone to sleep: to be on the safe side"
        );
        record.stopped();
        assert!(!record.has_slept(11));
    }
}
