//! Time as the scheduler keeps it: nanoseconds of the monotonic clock since the process first looked.
//!
//! One `u64` fits an atomic, where `Instant` does not; 584 years are enough for "never".

use std::sync::OnceLock;
use std::time::{Duration, Instant};

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
    from_instant(Instant::now())
}

/// `at` in nanoseconds; instants before the epoch are 0, those beyond reach are [`NEVER`].
pub(crate) fn from_instant(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(epoch()).as_nanos()).unwrap_or(NEVER)
}

/// The time left until `deadline`; `None` when it never comes.
pub(crate) fn until(deadline: u64) -> Option<Duration> {
    (deadline != NEVER).then(|| Duration::from_nanos(deadline.saturating_sub(now())))
}
