//! A deadline that one thread sets and another obeys: an instant in one atomic word.
//!
//! Deadlines of a descriptor are absolute and sticky: they hold for every wait until they are changed. An
//! `Instant` does not fit an atomic, so the word counts nanoseconds from the process's first use of this
//! file; 0 is "none" and 1, which has passed by then, stands for everything before. 64 bits last 584 years.
//!
//! A change must also reach a wait that goes on. The setter stores, then kicks the waiter (an event without
//! a cause, `Source::kick`); the waiter reads the deadline before it arms. If it armed before the kick, the kick
//! takes it out; if after, it finds the kick's edge, goes round, and reads the new deadline.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::sync::plain::{AtomicU64, Ordering};

const NONE: u64 = 0;
const PAST: u64 = 1;

/// An optional instant, shared.
#[derive(Debug, Default)]
pub struct Deadline(AtomicU64);

/// What the words count from.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

impl Deadline {
    /// No deadline.
    pub const fn new() -> Deadline {
        Deadline(AtomicU64::new(NONE))
    }

    /// Replaces the deadline. Kick whoever waits afterwards. Neither parks nor blocks.
    pub fn set(&self, deadline: Option<Instant>) {
        let word = deadline.map_or(NONE, |at| {
            let since = at.saturating_duration_since(origin());
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).max(PAST)
        });
        // Relaxed: the kick that follows publishes it.
        self.0.store(word, Ordering::Relaxed);
    }

    /// The deadline, to the nanosecond. Neither parks nor blocks.
    #[inline]
    pub fn get(&self) -> Option<Instant> {
        // Relaxed: the edge that sends the reader here orders it; see the head.
        match self.0.load(Ordering::Relaxed) {
            NONE => None,
            word => origin().checked_add(Duration::from_nanos(word)),
        }
    }
}

/// The earlier of two, where "none" is later than all.
#[inline]
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read() {
        let deadline = Deadline::new();
        assert_eq!(deadline.get(), None);
        let soon = Instant::now() + Duration::from_millis(7);
        deadline.set(Some(soon));
        assert_eq!(deadline.get(), Some(soon));
        deadline.set(None);
        assert_eq!(deadline.get(), None);
    }

    #[test]
    fn the_past_is_past() {
        let deadline = Deadline::new();
        origin();
        deadline.set(Instant::now().checked_sub(Duration::from_secs(3600)));
        assert!(deadline.get().is_some_and(|at| at <= Instant::now()));
    }

    #[test]
    fn none_is_later_than_all() {
        let (a, b) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        assert_eq!(earliest(Some(a), Some(b)), Some(a));
        assert_eq!(earliest(None, Some(b)), Some(b));
        assert_eq!(earliest(Some(a), None), Some(a));
        assert_eq!(earliest(None, None), None);
    }
}
