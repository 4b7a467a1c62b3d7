//! How fast a P works off what the poller hands it, and so: whether a second thread is worth waking for it.
//!
//! Waking a thread costs who wakes it some microseconds, the woken one comes tens of microseconds later, and it takes a CPU
//! that another process (the client at the other end of a connection) may want. A server's goroutine that reads,
//! answers and parks again takes about 5 µs, so a few of them are done before help is there. So help is called for a
//! backlog that takes [`WORTH_WAKING`] or more at the pace of the batches before; at first, for any.
//!
//! Nothing is left lying by that. The P works it off itself. If it does not, because one of the batch computes for long, the
//! monitor sees work beside an idle P at its next look, a millisecond later (`monitor.rs`, `rescue`).

use std::cell::Cell;

/// Nanoseconds of work for which another M is woken: about what it takes to come.
const WORTH_WAKING: u64 = 50_000;

/// What one P has learnt. By the P's holder only.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Nanoseconds per goroutine, on average.
    average: Cell<u64>,
    /// When a batch came that is being worked off, and how many goroutines had been dispatched by then; 0: none is.
    since: Cell<u64>,
    dispatched: Cell<u64>,
}

impl Pace {
    /// Nothing learnt: any backlog is taken to be long.
    pub(crate) fn new() -> Pace {
        Pace { average: Cell::new(WORTH_WAKING), since: Cell::new(0), dispatched: Cell::new(0) }
    }

    /// A batch came, `now`, after so many dispatches. One that comes on top of another counts as part of it.
    pub(crate) fn begin(&self, now: u64, dispatched: u64) {
        if self.since.get() == 0 {
            self.since.set(now);
            self.dispatched.set(dispatched);
        }
    }

    /// Whether a batch is being worked off.
    pub(crate) fn is_open(&self) -> bool {
        self.since.get() != 0
    }

    /// Nothing is left of it, `now`, after so many dispatches.
    pub(crate) fn end(&self, now: u64, dispatched: u64) {
        let since = self.since.replace(0);
        let ran = dispatched.wrapping_sub(self.dispatched.get());
        if since == 0 || ran == 0 {
            return;
        }
        // A batch during which the kernel ran somebody else looks slow. So one counts for an eighth, and for no more than makes
        // a backlog of one worth it.
        let nanos = (now.saturating_sub(since) / ran).min(WORTH_WAKING);
        self.average.set((7 * self.average.get() + nanos).div_ceil(8));
    }

    /// Whether it takes long to work off `backlog` goroutines.
    pub(crate) fn is_long(&self, backlog: u64) -> bool {
        backlog * self.average.get() >= WORTH_WAKING
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A batch of `n` that takes `nanos` for each.
    fn work_off(pace: &Pace, n: u64, nanos: u64) {
        pace.begin(1_000, 7);
        assert!(pace.is_open());
        pace.end(1_000 + n * nanos, 7 + n);
        assert!(!pace.is_open());
    }

    #[test]
    fn any_backlog_is_long_until_shown_otherwise() {
        let pace = Pace::new();
        assert!(pace.is_long(1) && !pace.is_long(0));
        pace.end(1_000, 1);
        assert!(pace.is_long(1), "there was no batch");
        pace.begin(1_000, 1);
        pace.end(9_000, 1);
        assert!(pace.is_long(1), "nothing ran");
    }

    #[test]
    fn short_ones_are_left_to_the_one_who_has_them() {
        let pace = Pace::new();
        (0..100).for_each(|_| work_off(&pace, 10, 5_000));
        assert!(!pace.is_long(8) && pace.is_long(11));
        work_off(&pace, 10, 1_000_000);
        assert!(!pace.is_long(3), "one slow batch");
        (0..100).for_each(|_| work_off(&pace, 10, 1_000_000));
        assert!(pace.is_long(1), "slow ones");
    }

    #[test]
    fn a_batch_on_top_of_another_is_part_of_it() {
        let pace = Pace::new();
        for _ in 0..100 {
            pace.begin(1_000, 7);
            pace.begin(6_000, 8);
            pace.end(11_000, 9);
        }
        assert!(!pace.is_long(8) && pace.is_long(11), "5 µs each");
    }
}
