//! How many processors a runtime gets by default: the CPUs that it may run on, and what its control groups allow.
//!
//! A container often may use less than the CPUs it sees: its control group has a quota of CPU time per period. More
//! running threads than that are throttled together, for tens of milliseconds. The tightest quota counts, and it may be
//! any ancestor's, so the whole path up to the root of the hierarchy is read (Go reads the leaf only). Both versions
//! of the interface are understood: `cpu.max` of version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1.
//! A quota that is no whole number of CPUs is rounded up, as in Go: the last processor would idle part of the time otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::MAX_PROCS;
use crate::sys;

/// GOMAXPROCS unless somebody says otherwise: at least 1.
pub(crate) fn default_procs() -> usize {
    let usable = sys::usable_cpus()
        .or_else(|| std::thread::available_parallelism().ok().map(std::num::NonZero::get))
        .unwrap_or(1);
    let allowed = quota(Path::new("/")).map_or(usable, |cpus| cpus.min(usable));
    allowed.clamp(1, MAX_PROCS)
}

/// The tightest quota on the way from this process's control group to the root, in CPUs, rounded up. `root` is where
/// the file system begins.
fn quota(root: &Path) -> Option<usize> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
    groups.lines().filter_map(|line| tightest(root, line, &mounts)).min()
}

/// A mounted control group hierarchy.
struct Mount<'a> {
    /// The group that is mounted.
    group: &'a Path,
    /// Where.
    at: &'a Path,
    /// Version 2; else the one of version 1 with the controller `cpu`.
    unified: bool,
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /group /mounted/at options … - type source super-options`
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (group, at) = (mount.next()?, mount.next()?);
        let mut system = system.split(' ');
        let unified = match system.next()? {
            "cgroup2" => true,
            "cgroup" if system.nth(1)?.split(',').any(|option| option == "cpu") => false,
            _ => return None,
        };
        Some(Mount { group: Path::new(group), at: Path::new(at), unified })
    }
}

/// The tightest quota of the group that `line` of `/proc/self/cgroup` (`number:controllers:/group`) names, and of those
/// above it.
fn tightest(root: &Path, line: &str, mounts: &[Mount<'_>]) -> Option<usize> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    let unified = number == "0" && controllers.is_empty();
    if !unified && !controllers.split(',').any(|controller| controller == "cpu") {
        return None;
    }
    let mount = mounts.iter().find(|mount| mount.unified == unified)?;
    // A process in a group outside of what is mounted (a container that shares its host's view) sees the mount's own.
    let below = Path::new(group).strip_prefix(mount.group).unwrap_or(Path::new(""));
    let top = root.join(mount.at.strip_prefix("/").unwrap_or(mount.at));
    let folder = top.join(below);
    folder.ancestors().take_while(|folder| folder.starts_with(&top)).filter_map(of_group).min()
}

/// The quota of one group.
fn of_group(folder: &Path) -> Option<usize> {
    let read = |name: &str| fs::read_to_string(PathBuf::from(folder).join(name)).ok();
    let (quota, period) = match read("cpu.max") {
        Some(line) => {
            let mut words = line.split_whitespace().map(str::parse::<u64>);
            // The first word is `max` without a quota.
            (words.next()?.ok()?, words.next()?.ok()?)
        }
        // -1 without a quota, which is no `u64`.
        None => (
            read("cpu.cfs_quota_us")?.trim().parse().ok()?,
            read("cpu.cfs_period_us")?.trim().parse().ok()?,
        ),
    };
    let cpus = quota.div_ceil(std::num::NonZeroU64::new(period)?.get());
    usize::try_from(cpus.max(1)).ok()
}

#[cfg(all(test, not(loom)))]
#[path = "cpus_tests.rs"]
mod tests;
