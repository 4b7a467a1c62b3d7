//! What the process uses, as the system counts it.

use std::io;
use std::time::Duration;

/// A moment's figures.
pub(crate) struct Process {
    /// Bytes of memory.
    pub(crate) resident: usize,
    pub(crate) descriptors: usize,
}

impl Process {
    pub(crate) fn now() -> Process {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<usize>().ok());
        Process {
            resident: kilobytes.unwrap_or(0) << 10,
            descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
        }
    }
}

/// Processor time so far, without the cost of looking at the rest.
pub(crate) fn processor() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is written.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Raises the soft limit of descriptors to the hard one, which must allow `needed`.
pub(crate) fn raise_descriptor_limit(needed: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is written.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_max < needed {
        let what = format!(
            "{needed} descriptors are needed and {} allowed: `prlimit --nofile={needed} PROGRAM` as root, or \
             LimitNOFILE= of the service",
            limit.rlim_max
        );
        return Err(io::Error::other(what));
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is read.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
