//! The memory of the machine, warmed for workloads that touch much of it for the first time.
//!
//! On a virtual machine the host takes free memory back, and the first touch of such a page costs 3.5 to 6.8 µs instead of
//! 1.2. Whoever is measured first would pay for all. So before each run as much memory as the run may need is touched and
//! freed again: what is measured then is the kernel's first touch, the same for everybody.

use std::fs;

/// Memory per goroutine of the hungriest runtime, generously.
const PER_GOROUTINE: u64 = 6 << 10;

/// Touches what a run with so many goroutines may need, or three quarters of what is available if that is less. Blocks the
/// thread for a second or more.
pub(super) fn memory(goroutines: u64) {
    let bytes = (goroutines * PER_GOROUTINE).min(available() / 4 * 3);
    // Filled, not zeroed: zeroes would be had without a touch.
    let touched = vec![1u8; usize::try_from(bytes).unwrap_or(0)];
    std::hint::black_box(&touched);
}

/// Bytes that can be had without swapping; none where that cannot be asked.
fn available() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_what_is_available() {
        assert!(super::available() > 1 << 20);
    }
}
