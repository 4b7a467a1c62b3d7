//! The numbers of `timers_*` and of those of lateness in the Rust programs.

use std::time::Duration;

/// How many timers each goroutine of `timers_churn` has.
pub const TIMERS: usize = 1_000;

/// How many goroutines sleep in `timers_late`.
pub const SLEEPERS: u64 = 1_000;

/// A time far away: one to two hours, in no order.
#[must_use]
pub fn far(random: u64) -> Duration {
    Duration::from_secs(3_600) + Duration::from_micros(random % 3_600_000_000)
}

/// Which of `n` timers is stopped as the `i`th: 7919 is prime, so every one once, unless `n` is a multiple of it.
#[must_use]
pub fn nth_to_stop(i: u64, n: u64) -> usize {
    (i * 7919 % n) as usize
}

/// How long the sleeper `i` of `timers_late` sleeps for the `n`th time: 1 to 10 ms.
#[must_use]
pub fn nap(i: u64, n: u64) -> Duration {
    Duration::from_millis((i + n) % 10 + 1)
}

/// Nanoseconds for each of `n`.
#[must_use]
pub fn each(took: Duration, n: u64) -> f64 {
    took.as_secs_f64() * 1e9 / n as f64
}

/// How much longer than `length` it took, in ms.
///
/// # Panics
/// When it took less: a sleep has ended early.
#[must_use]
pub fn late(took: Duration, length: Duration) -> f64 {
    took.checked_sub(length).expect("a sleep ended early").as_secs_f64() * 1e3
}
