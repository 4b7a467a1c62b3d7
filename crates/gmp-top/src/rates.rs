//! What has happened between two snapshots.

use crate::client::Snapshot;

/// Figures per second, and the latency between two snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Goroutines that began or went on.
    pub switches: f64,
    /// Times something was taken from another processor.
    pub steals: f64,
    /// Goroutines that were made to give way.
    pub preemptions: f64,
    /// Processors taken from goroutines that blocked.
    pub handoffs: f64,
    /// What 99 of 100 goroutines waited at most before they ran, in nanoseconds; 0 if none was timed.
    pub p99: u64,
}

impl Rates {
    /// From `before` to `now`.
    pub fn between(before: &Snapshot, now: &Snapshot) -> Rates {
        let seconds = now.uptime_ms.saturating_sub(before.uptime_ms).max(1) as f64 / 1000.0;
        let per_second = |a: u64, b: u64| b.saturating_sub(a) as f64 / seconds;
        Rates {
            switches: per_second(before.switches, now.switches),
            steals: per_second(before.steals, now.steals),
            preemptions: per_second(before.preemptions, now.preemptions),
            handoffs: per_second(before.handoffs, now.handoffs),
            p99: p99(before, now),
        }
    }
}

fn p99(before: &Snapshot, now: &Snapshot) -> u64 {
    let old = before.latencies.iter().chain(std::iter::repeat(&0));
    let new: Vec<u64> = now.latencies.iter().zip(old).map(|(n, o)| n.saturating_sub(*o)).collect();
    let all: u64 = new.iter().sum();
    let mut seen = 0;
    let bucket = new.iter().position(|n| {
        seen += n;
        all > 0 && seen * 100 >= all * 99
    });
    // A program that knows of longer times has waited for centuries.
    bucket.map_or(0, |i| 1_u64.checked_shl(i as u32).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_time_between() {
        let before = Snapshot {
            uptime_ms: 1000,
            switches: 10,
            latencies: vec![5, 5],
            ..Snapshot::default()
        };
        let now = Snapshot {
            uptime_ms: 3000,
            switches: 30,
            latencies: vec![5, 104, 1],
            ..Snapshot::default()
        };
        let rates = Rates::between(&before, &now);
        assert_eq!((rates.switches, rates.p99), (10.0, 2));
        assert_eq!(Rates::between(&now, &now).p99, 0);
    }
}
