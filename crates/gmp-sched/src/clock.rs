//! Time as the scheduler keeps it: nanoseconds of the monotonic clock since the process first looked.
//!
//! One `u64` fits an atomic, where `Instant` does not; 584 years are enough for "never".

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::sync::plain::{AtomicU64, Ordering};

/// A deadline that is never reached.
pub(crate) const NEVER: u64 = u64::MAX;

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    // A second back, so that 0 stays free for "none" and instants just before the first look still fit.
    *EPOCH.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
    })
}

/// Now, in nanoseconds since the epoch of this process.
pub(crate) fn now() -> u64 {
    let now = from_instant(Instant::now());
    // Relaxed: a figure for people. Written once in a while only, so that the line stays shared.
    if now.wrapping_sub(COARSE.load(Ordering::Relaxed)) > COARSENESS {
        COARSE.store(now & !1, Ordering::Relaxed); // Relaxed: as above.
    }
    now
}

/// How far behind the coarse clock may be while somebody looks at the clock.
const COARSENESS: u64 = 500_000;

/// When somebody looked at the clock last.
static COARSE: AtomicU64 = AtomicU64::new(0);

/// About now: a millisecond or two behind while anything runs (the monitor looks at the clock that often, and
/// whoever wakes from idling does). Costs a load, where the clock costs 20 ns.
#[inline]
pub(crate) fn coarse() -> u64 {
    COARSE.load(Ordering::Relaxed) // Relaxed: as in `now`.
}

/// Brings the coarse clock up to date, after a sleep.
pub(crate) fn tick() {
    now();
}

/// `at` in nanoseconds; instants before the epoch are 0, those beyond reach are [`NEVER`].
pub(crate) fn from_instant(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(epoch()).as_nanos()).unwrap_or(NEVER)
}

/// The instant that is `at` nanoseconds after the epoch.
pub(crate) fn to_instant(at: u64) -> Instant {
    epoch() + Duration::from_nanos(at)
}

/// The time left until `deadline`; `None` when it never comes.
pub(crate) fn until(deadline: u64) -> Option<Duration> {
    (deadline != NEVER).then(|| Duration::from_nanos(deadline.saturating_sub(now())))
}
