//! Limits of the system that stand between a program and its stacks, and the words for running into them.
//!
//! The kernel says `ENOMEM` for five different reasons. Whoever gets the error should not have to find out which; so it
//! lists those that apply and what to do. Only `pool.rs` calls this; making the words allocates, the error does not.

use std::fs;
use std::io;

use crate::slab::Guards;
use crate::sync::{AtomicUsize, Ordering};
use crate::sys::Errno;

/// Mappings left to the rest of the process when guards use them up: allocators and threads need some to report failure.
const HEADROOM: usize = 1024;

/// What Linux has unless configured otherwise.
const USUAL_MAX_MAP_COUNT: usize = 65_530;

/// Why stacks could not be reserved. Small and without memory of its own, so that it can be made where nothing may be
/// allocated; `io::Error::from` finds the words.
#[derive(Debug, Clone, Copy)]
pub struct ReserveError(pub(crate) Cause);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    /// No class holds stacks of this many bytes.
    TooLarge(usize),
    /// The system refused `n` more stacks of `size` bytes.
    Refused { error: Errno, size: usize, n: usize, guards: Guards },
}

impl From<ReserveError> for io::Error {
    fn from(error: ReserveError) -> io::Error {
        match error.0 {
            Cause::TooLarge(size) => too_large(size),
            Cause::Refused { error, size, n, guards } => explain(error, size, n, guards),
        }
    }
}

fn sysctl(name: &str) -> Option<usize> {
    fs::read_to_string(format!("/proc/sys/vm/{name}")).ok()?.trim().parse().ok()
}

/// How many stacks guarded by `mprotect` this process may have: each takes two mappings.
/// Asked of the system once: later calls come from where nothing may be allocated.
pub(crate) fn protected_stacks() -> usize {
    static MOST: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: a number that is the same whoever writes it.
    let known = MOST.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let most = sysctl("max_map_count").unwrap_or(USUAL_MAX_MAP_COUNT).saturating_sub(HEADROOM) / 2;
    MOST.store(most.max(1), Ordering::Relaxed); // Relaxed: as above.
    most.max(1)
}

/// The error of a slab that could not be mapped.
fn explain(error: Errno, size: usize, n: usize, guards: Guards) -> io::Error {
    let cause = io::Error::from_raw_os_error(error.0);
    let mut text = format!("gmp: cannot map {n} more stack(s) of {} KiB: {cause}.", size >> 10);
    if guards == Guards::Protect {
        let limit = sysctl("max_map_count").unwrap_or(USUAL_MAX_MAP_COUNT);
        text.push_str(&format!(
            " Each stack needs two mappings on this kernel (one from Linux 6.13 on holds them all), and vm.max_map_count \
             allows {limit}: raise it with `sysctl -w vm.max_map_count=...`."
        ));
    } else {
        text.push_str(
            " What may be in the way: the address space limit of the process (RLIMIT_AS, `ulimit -v`), \
             vm.overcommit_memory=2, vm.max_map_count. Raise it, or use smaller stacks.",
        );
    }
    io::Error::new(io::ErrorKind::OutOfMemory, text)
}

/// The error of a stack larger than there are.
fn too_large(size: usize) -> io::Error {
    let text = format!("gmp: a stack of {size} bytes is larger than the largest, 64 GiB");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
