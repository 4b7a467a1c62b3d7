//! What Linux says about a process, the calling one or another.
//!
//! All of it reads the process's folder below `/proc`; elsewhere the workloads that need it fail with a message.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// The folder of the calling process.
const SELF: &str = "/proc/self";

/// Resident memory plus page tables of the calling process, in bytes: what a parked goroutine really costs.
///
/// # Panics
/// Where [`memory`] fails.
#[must_use]
pub fn resident_and_page_tables() -> u64 {
    memory(Path::new(SELF)).expect("the memory of this process")
}

/// [`cpu_and_wakeups`] of the calling process.
///
/// # Panics
/// Where that fails.
#[must_use]
pub fn own_cpu_and_wakeups() -> (Duration, u64) {
    cpu_and_wakeups(Path::new(SELF)).expect("the threads of this process")
}

/// Resident memory plus page tables, in bytes, of the process with this folder.
///
/// # Errors
/// Where its `status` cannot be read, or does not say.
pub fn memory(folder: &Path) -> io::Result<u64> {
    let status = fs::read_to_string(folder.join("status"))?;
    Ok((field(&status, "VmRSS:")? + field(&status, "VmPTE:")?) * 1024)
}

/// CPU time of all living threads of the process with this folder, and how often they went to sleep of their own accord.
///
/// `schedstat` counts nanoseconds, where the process's `stat` counts hundredths of a second: too
/// coarse to see a tenth of a percent.
///
/// # Errors
/// Where its `task` cannot be read, or what is in there does not say, or says that no thread lives.
pub fn cpu_and_wakeups(folder: &Path) -> io::Result<(Duration, u64)> {
    let mut total = (Duration::ZERO, 0);
    let mut threads = 0;
    for task in fs::read_dir(folder.join("task"))? {
        let task = task?.path();
        let Some(schedstat) = of_living(&task.join("schedstat"))? else { continue };
        let Some(status) = of_living(&task.join("status"))? else { continue };
        if status.lines().any(|line| line.starts_with("State:\tZ")) {
            continue;
        }
        total.0 += Duration::from_nanos(field(&schedstat, "")?);
        total.1 += field(&status, "voluntary_ctxt_switches:")?;
        threads += 1;
    }
    if threads == 0 {
        // Not that it has used no CPU time.
        let folder = folder.display();
        return Err(io::Error::other(format!("{folder}: no thread whose CPU time is known")));
    }
    Ok(total)
}

/// What a file of a thread says; nothing if the thread has ended meanwhile, when it has used no CPU worth counting.
fn of_living(file: &Path) -> io::Result<Option<String>> {
    /// Linux's number for "no such process", on all architectures: the file was opened in time, but not read.
    const ESRCH: i32 = 3;
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(ESRCH) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> io::Result<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no {name:?} in {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let status =
            "VmPTE:\t      48 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "VmPTE:").unwrap(), 48);
        assert_eq!(field(status, "voluntary_ctxt_switches:").unwrap(), 7);
        assert_eq!(field("123 456 7\n", "").unwrap(), 123);
        assert!(field(status, "VmRSS:").is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_a_process() {
        let me = format!("/proc/{}", std::process::id());
        assert!(memory(Path::new(&me)).unwrap() > 1 << 20);
        assert!(cpu_and_wakeups(Path::new(&me)).unwrap().0 > Duration::ZERO);
        assert!(memory(Path::new("/proc/no-such-process")).is_err());
    }

    /// A kernel without `schedstat`, a process that has ended, threads of which nothing may be read.
    #[test]
    fn what_cannot_be_read_is_not_nothing() {
        let process = std::env::temp_dir().join(format!("gmp-procfs-{}", std::process::id()));
        // Of an earlier process with that number.
        let _ = fs::remove_dir_all(&process);
        let thread = |id: &str| process.join("task").join(id);
        let write = |id: &str, file: &str, text: &str| {
            fs::create_dir_all(thread(id)).unwrap();
            fs::write(thread(id).join(file), text).unwrap();
        };
        write("1", "status", "State:\tS (sleeping)\nvoluntary_ctxt_switches:\t7\n");
        assert!(cpu_and_wakeups(&process).is_err(), "no schedstat");
        write("1", "schedstat", "5 0 0\n");
        // One that has just ended.
        fs::create_dir(thread("2")).unwrap();
        assert_eq!(cpu_and_wakeups(&process).unwrap(), (Duration::from_nanos(5), 7));
        fs::create_dir(thread("2").join("schedstat")).unwrap();
        assert!(cpu_and_wakeups(&process).is_err(), "a schedstat that cannot be read");
        fs::remove_dir_all(thread("2")).unwrap();
        write("1", "status", "State:\tZ (zombie)\nvoluntary_ctxt_switches:\t7\n");
        assert!(cpu_and_wakeups(&process).is_err(), "it has ended");
        fs::remove_dir_all(&process).unwrap();
    }
}
