//! The clock of traces: a register of the processor where that is a clock, else the system's.
//!
//! An event of a trace costs little more than the time that is noted with it, so the time is noted as the processor counts
//! it, which takes less than half as long as the system's clock (docs/experiments.md, "What seeing costs"), and is turned
//! into nanoseconds by whoever reads the events. How many ticks make a nanosecond is measured once, for some milliseconds
//! before the first trace begins, and stays as it is: another scale a moment later would put events out of their order.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::clock;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::sys;

/// How long is measured, at least. Either end is good to 20 ns: 8 millionths.
const MEASURED: Duration = Duration::from_millis(5);

/// Looks at both clocks at one time, of which the quickest counts: the thread may lose the CPU between the two.
const LOOKS: usize = 8;

/// Whether ticks are the processor's.
static COUNTED: AtomicBool = AtomicBool::new(false);

/// Both clocks at about the same moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    ticks: u64,
    nanos: u64,
}

impl Moment {
    fn now() -> Moment {
        let look = |_| {
            let before = sys::counter();
            let nanos = clock::now();
            let took = sys::counter().wrapping_sub(before);
            (took, Moment { ticks: before.wrapping_add(took / 2), nanos })
        };
        let quickest = (0..LOOKS).map(look).min_by_key(|look| look.0);
        quickest.map_or(Moment { ticks: 0, nanos: 0 }, |look| look.1)
    }
}

/// Whether ticks are the processor's.
#[inline]
pub(crate) fn are_counted() -> bool {
    // Relaxed: who notes has acquired it with the tracing that is on (`trace.rs`, `is_on`), others have called `Scale::get`.
    COUNTED.load(Ordering::Relaxed)
}

/// Now, in ticks of the processor.
#[inline]
pub(crate) fn counted() -> u64 {
    sys::counter()
}

/// Now, in ticks. Async-signal-safe.
#[inline]
pub(crate) fn now() -> u64 {
    if are_counted() { counted() } else { clock::now() }
}

/// From ticks to nanoseconds of `clock.rs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    begun: Moment,
    /// Nanoseconds in a tick, times 2³².
    rate: u64,
}

impl Scale {
    /// That of this process, and the choice of the clock. Blocks the thread for some milliseconds, the first time.
    pub(crate) fn get() -> Scale {
        static SCALE: OnceLock<Scale> = OnceLock::new();
        *SCALE.get_or_init(|| {
            let steady = sys::is_steady();
            // Relaxed: published by the cell, and by the tracing that begins (`set_tracing`).
            COUNTED.store(steady, Ordering::Relaxed);
            if steady { Scale::measured() } else { Scale::of_the_system() }
        })
    }

    fn of_the_system() -> Scale {
        Scale { begun: Moment { ticks: 0, nanos: 0 }, rate: 1 << 32 }
    }

    fn measured() -> Scale {
        let begun = Moment::now();
        thread::sleep(MEASURED);
        let now = Moment::now();
        let (nanos, ticks) = (now.nanos - begun.nanos, now.ticks.wrapping_sub(begun.ticks));
        Scale { begun, rate: ((u128::from(nanos) << 32) / u128::from(ticks.max(1))) as u64 }
    }

    /// What the clock showed at this tick.
    pub(crate) fn nanos(&self, ticks: u64) -> u64 {
        let since = ticks.saturating_sub(self.begun.ticks);
        self.begun.nanos + ((u128::from(since) * u128::from(self.rate)) >> 32) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Right to half a millisecond, beside 8 millionths of the few that the test takes: it may lose the CPU in between.
    #[test]
    fn ticks_become_the_time_of_the_clock() {
        let scale = Scale::get();
        let mut last = 0;
        let right = (0..1000).filter(|_| {
            let before = clock::now();
            let at = scale.nanos(now());
            assert!(at >= last, "later ticks are later times");
            last = at;
            (before - 500_000..=clock::now() + 500_000).contains(&at)
        });
        assert_eq!(right.count(), 1000);
    }

    #[test]
    fn a_scale_keeps_its_precision_for_years() {
        // 3 GHz.
        let scale = Scale { begun: Moment { ticks: 5, nanos: 7 }, rate: (1 << 32) / 3 };
        assert_eq!((scale.nanos(0), scale.nanos(5), scale.nanos(3005)), (7, 7, 1006));
        let year = 365 * 86400 * 1_000_000_000;
        assert!(scale.nanos(30 * year).abs_diff(10 * year) < 100_000_000);
    }
}
