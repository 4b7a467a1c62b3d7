//! What Linux says about the calling process.
//!
//! All of it reads `/proc/self`; elsewhere the workloads that need it fail with a message.

use std::fs;
use std::time::Duration;

/// Resident memory plus page tables, in bytes: what a parked goroutine really costs.
///
/// # Panics
/// Where `/proc/self/status` cannot be read.
#[must_use]
pub fn resident_and_page_tables() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    (field(&status, "VmRSS:") + field(&status, "VmPTE:")) * 1024
}

/// CPU time of all living threads, and how often they went to sleep of their own accord.
///
/// `schedstat` counts nanoseconds, where the process's `stat` counts hundredths of a second: too
/// coarse to see a tenth of a percent.
///
/// # Panics
/// Where `/proc/self/task` cannot be read.
#[must_use]
pub fn cpu_and_wakeups() -> (Duration, u64) {
    let mut total = (Duration::ZERO, 0);
    for task in fs::read_dir("/proc/self/task").expect("/proc/self/task").flatten() {
        // A thread that ends between the two reads has used no CPU worth counting.
        let Ok(schedstat) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let on_cpu = schedstat.split_whitespace().next().and_then(|word| word.parse().ok());
        total.0 += Duration::from_nanos(on_cpu.unwrap_or(0));
        total.1 += field(&status, "voluntary_ctxt_switches:");
    }
    total
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let status =
            "VmPTE:\t      48 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "VmPTE:"), 48);
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "VmRSS:"), 0);
    }
}
