//! The time that a run takes by its definition, however fast the runtime is.

use std::time::Duration;

use crate::workloads::Workload;

/// `http`, `http_file`: how long the server is asked before its answers count.
pub const HTTP_WARM_UP: Duration = Duration::from_secs(1);

/// `idle`, `http_idle_*`: how long everything rests before it is looked at.
pub const REST: Duration = Duration::from_secs(1);

/// `idle`: how long the CPU time is watched.
pub const IDLE_WATCH: Duration = Duration::from_secs(5);

/// `http_idle_*`: how long the CPU time is watched.
pub const HTTP_IDLE_WATCH: Duration = Duration::from_secs(3);

impl Workload {
    /// How long a run of `size` waits, or counts what is done in a given time: nothing that the runtime could make shorter.
    /// The sleeps of `sleeps`, `hogs` and the like are left out; they are parts of a second.
    #[must_use]
    pub fn waits(&self, size: u64) -> Duration {
        match self.name {
            "http" | "http_file" => HTTP_WARM_UP + Duration::from_secs(size),
            // Before the connections, and after them.
            name if name.starts_with("http_idle") => 2 * REST + HTTP_IDLE_WATCH,
            "idle" => REST + IDLE_WATCH,
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::workloads::{WORKLOADS, find};

    #[test]
    fn what_is_counted_in_seconds_waits() {
        let waits = |name, size| find(name).unwrap().waits(size).as_secs();
        assert_eq!((waits("http", 5), waits("http_file", 2)), (6, 3));
        assert_eq!((waits("http_idle_10k", 10_000), waits("idle", 10_000)), (5, 6));
        assert_eq!(waits("echo", 200_000), 0);
        let mut seconds = WORKLOADS.iter().filter(|workload| workload.counted == "seconds");
        assert!(seconds.all(|workload| waits(workload.name, 7) > 7));
    }
}
