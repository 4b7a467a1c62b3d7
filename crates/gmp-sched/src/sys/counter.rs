//! The processor's own clock: a register that counts on, where the kernel itself keeps time by it.

use std::fs;

/// Whether the counter is a clock: it goes evenly, and alike on all CPUs. The kernel has found so if it keeps time by it when
/// this is called. Should it give the counter up later, traces keep to it, with what then makes it unfit.
pub(crate) fn is_steady() -> bool {
    const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
        && fs::read_to_string(CLOCK).is_ok_and(|name| name.trim() == "tsc")
}

/// The time stamp counter. Not ordered with what the caller reads and writes: the processor may look at it some ten
/// nanoseconds early.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn counter() -> u64 {
    // SAFETY: every processor of this architecture has it. Only a process that has forbidden it itself (`PR_SET_TSC`) may not
    // use it: it ends with SIGSEGV, which is no undefined behaviour.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Elsewhere counters that user code may read are coarser than the kernel's clock, or no faster.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn counter() -> u64 {
    0
}
