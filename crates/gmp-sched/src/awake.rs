//! In which way a thread is stopped: at once, or where none of its system calls sees it.
//!
//! A signal from the monitor reaches a thread that computes within 20 µs. If that has made a call meanwhile the kernel ends
//! the call, and some calls then fail with `EINTR`, which nobody but us has caused. There is another way
//! ([`Preempt::request_later`](crate::Preempt::request_later)): exact, but only at a clock tick that finds the thread
//! running, so it takes some milliseconds, and many if the thread sleeps most of the time. Who waits for a timer beside hogs
//! cannot wait so long; and hogs make no calls, or such as survive a signal. So what is known of a goroutine decides:
//!
//! ```text
//!                                                             stopped
//!   Unknown                    now, once it has computed from one look to the next; later if it has
//!      |  ^                    called the runtime in between, and not slept in user code as far as is known
//!      |  |  a second of CPU time without a sleep
//!      |  '--------------------------.
//!      | sleeps, who knows where     |
//!      |------------------------> Suspect                        later
//!      |                             |
//!      |<----------------------------+----- is seen asleep where a signal does no harm (a lock, a pipe, a page)
//!      |----> Harmless               |                           now; Suspect if it sleeps on, and is not seen
//!      |          |                  |                           there for 0.1 s of CPU time
//!      '----------+----> Harmful <---'      is seen asleep anywhere else
//!                                                                later
//! ```
//!
//! The kernel counts how often a thread has gone to sleep; being stopped is a sleep too, and those are counted here. Calls
//! into the runtime wipe off the mark that is left when a thread is asked (`hold.rs`, E5): then it may have slept there.
//!
//! What remains: a harmful call of a goroutine that is taken for a hog, or for harmless, may be interrupted, if it begins within
//! 20 µs of a stop. It is known for one that sleeps at the next look, unless its calls take less than that of a slice
//! together. To stop also those later of which nothing is known yet would exclude most of that; then each goroutine that
//! computes keeps others waiting for a tick, once, unless a timer is due (`look.rs`; `docs/experiments.md`). Where the system has no such way a thread is sent its signal if it computes at that moment, by two readings of its
//! CPU clock, and left alone if it does not: ready to run it may be waking from a call.

use std::cell::Cell;

use crate::m::M;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicU64, Ordering};

/// For how much CPU time a thread that has slept is taken for one that does.
const REMEMBERED: u64 = 1_000_000_000;

/// For how much CPU time one is taken for harmless that sleeps, and was seen to where a signal does no harm.
const TRUSTED: u64 = 100_000_000;

/// What is known of the sleeps of a goroutine.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sleeps {
    /// None, so far.
    #[default]
    Unknown,
    /// It has slept, who knows where; believed until its thread's CPU clock shows this.
    Suspect { until: u64 },
    /// It was seen asleep, in calls that survive signals; believed as long as it does not sleep, or until then.
    Harmless { until: u64 },
    /// It was seen asleep in another one; believed as long.
    Harmful { until: u64 },
}

/// What is known of the goroutine on one thread, in its M. But for the first the monitor's alone.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How often the thread was stopped. Written by the thread only.
    stops: AtomicU64,
    goroutine: Cell<u64>,
    sleeps: Cell<Sleeps>,
    seen: Cell<Option<Seen>>,
    /// It was stopped at once the last time; and its marks then.
    hog: Cell<Option<u32>>,
}

/// A goroutine's thread at the last look: the marks that it had wiped off, and its sleeps beside stops.
#[derive(Debug, Clone, Copy)]
struct Seen {
    wiped: u32,
    others: u64,
}

/// What became of a request to stop.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It stops within microseconds.
    Now,
    /// It stops at some clock tick.
    Later,
    /// It sleeps, or may be about to: look again.
    Asleep,
    /// Nothing is known of it yet: look again, a little later.
    Unknown,
    /// It cannot be asked.
    Never,
}

impl Record {
    /// The thread is about to sleep in its handler. By the thread; async-signal-safe.
    pub(crate) fn stopped(&self) {
        // Relaxed, both: one writer; the monitor reads it some time after it has seen that the thread was stopped.
        self.stops.store(self.stops.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The thread runs `goroutine` now: what is known of another one says nothing.
    fn runs(&self, goroutine: u64) {
        if self.goroutine.replace(goroutine) != goroutine {
            self.sleeps.set(Sleeps::Unknown);
            self.seen.set(None);
            self.hog.set(None);
        }
    }

    /// The goroutine was seen asleep in a call that survives signals, or in another one, when its thread's CPU clock showed
    /// `cpu`.
    fn seen_asleep(&self, restarts: bool, cpu: u64) {
        self.sleeps.set(match self.sleeps.get() {
            _ if !restarts => Sleeps::Harmful { until: cpu + REMEMBERED },
            Sleeps::Harmful { until } if cpu < until => return,
            _ => Sleeps::Harmless { until: cpu + TRUSTED },
        });
    }

    /// The goroutine has slept, who knows where.
    fn has_slept(&self, cpu: u64) {
        let until = cpu + REMEMBERED;
        self.sleeps.set(match self.sleeps.get() {
            Sleeps::Harmless { until } if cpu < until => return,
            Sleeps::Unknown | Sleeps::Suspect { .. } | Sleeps::Harmless { .. } => {
                Sleeps::Suspect { until }
            }
            Sleeps::Harmful { .. } => Sleeps::Harmful { until },
        });
    }

    /// Whether `goroutine` was a hog, and has not called the runtime since.
    fn is_still_hog(&self, goroutine: u64, wiped: u32) -> bool {
        self.goroutine.get() == goroutine && self.hog.get() == Some(wiped)
    }

    /// How `goroutine` is to be stopped, and notes how its thread is now: it has wiped off so many marks, and the
    /// kernel counts so many `sleeps` and so much CPU time.
    fn way(&self, goroutine: u64, wiped: u32, sleeps: u64, cpu: u64) -> Answer {
        self.runs(goroutine);
        let stops = self.stops.load(Ordering::Relaxed); // Relaxed: as above.
        let now = Seen { wiped, others: sleeps.wrapping_sub(stops) };
        let before = self.seen.replace(Some(now));
        let undisturbed = before.filter(|before| before.wiped == wiped);
        // One that is let go on before it has gone to sleep has one less than it has stops.
        if undisturbed.is_some_and(|before| now.others.wrapping_sub(before.others) as i64 > 0) {
            self.has_slept(cpu);
        }
        let way = match self.sleeps.get() {
            Sleeps::Harmless { .. } => Answer::Now,
            Sleeps::Suspect { until } | Sleeps::Harmful { until } if cpu < until => Answer::Later,
            _ if undisturbed.is_some() => Answer::Now,
            _ if before.is_some() => Answer::Later,
            _ => Answer::Unknown,
        };
        self.hog.set((way == Answer::Now).then_some(wiped));
        way
    }
}

impl Scheduler {
    /// Asks `m`'s thread to stop, in one of the two ways. By the monitor. `hog`: its goroutine was one before, and has had a CPU
    /// all the time in this slice, so it is one, and what the kernel knows of it is not looked up, which takes 10 µs.
    pub(crate) fn ask(&self, m: &M, hog: bool) -> Answer {
        if !m.hold.goes_on() {
            // Stopped a moment ago.
            return Answer::Asleep;
        }
        if hog {
            return if self.signal(m) { Answer::Now } else { Answer::Never };
        }
        let (asleep, sleeps) = self.rest(m);
        let cpu = self.cpu_time(m);
        if asleep {
            self.note_sleep(m, cpu.unwrap_or(0));
            return Answer::Asleep;
        }
        // Where the system does not count them, nor tell who sleeps, nobody is asked later either.
        let known = sleeps.zip(goroutine(m)).zip(cpu);
        let way = known.map_or(Answer::Now, |((sleeps, goroutine), cpu)| {
            m.awake.way(goroutine, m.hold.wiped(), sleeps, cpu)
        });
        m.hold.mark();
        if way == Answer::Unknown {
            return way;
        }
        if way == Answer::Later {
            if self.signal_later(m) {
                return way;
            }
            if self.cpu_time(m) == cpu {
                return Answer::Asleep;
            }
        }
        if self.signal(m) { Answer::Now } else { Answer::Never }
    }

    /// Whether `m`'s goroutine was a hog, and has not called the runtime since. By the monitor.
    pub(crate) fn is_known_hog(&self, m: &M) -> bool {
        goroutine(m).is_some_and(|g| m.awake.is_still_hog(g, m.hold.wiped()))
    }

    /// `m`'s thread was seen asleep when its CPU clock showed `cpu`. By the monitor.
    pub(crate) fn note_sleep(&self, m: &M, cpu: u64) {
        let Some(goroutine) = goroutine(m) else { return };
        m.awake.runs(goroutine);
        // Which is the case most of the time, and takes the longer to find out.
        let known = matches!(m.awake.sleeps.get(), Sleeps::Harmful { until } if cpu < until);
        let restarts = if known { Some(false) } else { self.restarts(m) };
        // Else it may have slept in our handler, which says nothing.
        if let Some(restarts) = restarts.filter(|_| m.hold.goes_on()) {
            m.awake.seen_asleep(restarts, cpu);
        }
    }
}

/// The number of the goroutine on `m`.
fn goroutine(m: &M) -> Option<u64> {
    // SAFETY: slots are never freed, and this field is atomic.
    let id = unsafe { &(*m.seen_g()?.as_ptr()).id };
    Some(id.load(Ordering::Relaxed)) // Relaxed: compared only.
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Later, Now, Unknown};

    /// A goroutine that has been looked at once.
    fn seen() -> Record {
        let record = Record::default();
        assert_eq!(record.way(3, 5, 70, 0), Unknown);
        record
    }

    #[test]
    fn who_computes_from_one_look_to_the_next_is_a_hog() {
        let record = seen();
        assert!(!record.is_still_hog(3, 5));
        assert_eq!(record.way(3, 5, 70, 0), Now);
        assert!(record.is_still_hog(3, 5) && !record.is_still_hog(3, 6));
        record.stopped();
        assert_eq!(record.way(3, 5, 71, 0), Now);
        assert_eq!(record.way(4, 5, 71, 0), Unknown, "another goroutine");
        assert_eq!(record.way(4, 6, 72, 0), Later, "the runtime was called");
        assert_eq!(record.way(4, 6, 72, 0), Now);
    }

    #[test]
    fn a_sleep_is_remembered() {
        let record = seen();
        record.stopped();
        assert_eq!(record.way(3, 5, 72, 10), Later, "one stop, two sleeps");
        for sleeps in 73..80 {
            record.stopped();
            assert_eq!(record.way(3, 5, sleeps, 9 + REMEMBERED), Later);
        }
        record.stopped();
        assert_eq!(record.way(3, 5, 80, 10 + REMEMBERED), Now, "a second later");
        assert_eq!(record.way(3, 5, 81, 10 + REMEMBERED), Later, "a sleep without a stop");
        assert_eq!(record.way(4, 5, 81, 0), Unknown, "another goroutine");
        assert_eq!(record.way(4, 5, 81, 0), Now, "which does not inherit that");
    }

    #[test]
    fn let_go_on_before_it_had_gone_to_sleep() {
        let record = seen();
        record.stopped();
        assert_eq!(record.way(3, 5, 70, 0), Now);
        record.stopped();
        assert_eq!(record.way(3, 5, 71, 0), Now, "and then it had");
        record.stopped();
        assert_eq!(record.way(3, 5, 73, 0), Later, "one stop, two sleeps");
    }

    #[test]
    fn who_sleeps_where_signals_do_no_harm_is_a_hog() {
        let record = seen();
        assert_eq!(record.way(3, 5, 80, 0), Later);
        record.seen_asleep(true, 0);
        assert_eq!(record.way(3, 5, 90, 0), Now);
        assert_eq!(record.way(3, 6, 95, 0), Now);
        assert_eq!(record.way(3, 6, 96, TRUSTED - 1), Now);
        assert_eq!(record.way(3, 6, 96, TRUSTED), Now, "it does not sleep any more");
        assert_eq!(
            record.way(3, 6, 97, TRUSTED),
            Later,
            "it does, and was not seen there for long"
        );
        record.seen_asleep(false, 0);
        record.seen_asleep(true, 1);
        assert_eq!(record.way(3, 6, 99, 1), Later, "that one is not forgotten at once");
        assert_eq!(
            record.way(3, 6, 100, REMEMBERED),
            Later,
            "nor while it sleeps, who knows where"
        );
        record.seen_asleep(true, 2 * REMEMBERED);
        assert_eq!(record.way(3, 6, 101, 2 * REMEMBERED), Now);
    }
}
