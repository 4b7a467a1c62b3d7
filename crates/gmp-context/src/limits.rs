//! Limits of the system that stand between a program and its stacks, and the words for running into them.
//!
//! The kernel says `ENOMEM` for five different reasons. Whoever gets the error should not have to find out which; so it
//! lists those that apply and what to do. `slab.rs` asks how many guards there may be, `pool.rs` makes the errors, which
//! do not allocate. Their words may, in the C library, which knows what the kernel's errors are called.

use core::fmt;

use crate::errno::Errno;
use crate::slab::Guards;
use crate::sync::plain::{AtomicUsize, Ordering};
use crate::sys;

/// Mappings left to the rest of the process when guards use them up: allocators and threads need some to report failure.
const HEADROOM: usize = 1024;

/// What Linux has unless configured otherwise.
const USUAL_MAX_MAP_COUNT: usize = 65_530;

/// Why stacks could not be reserved. Small and without memory of its own, so that it can be made where nothing may be
/// allocated. Its text names the limits in question.
#[derive(Debug, Clone, Copy)]
pub struct ReserveError(pub(crate) Cause);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    /// No class holds stacks of this many bytes.
    TooLarge(usize),
    /// The system refused `n` more stacks of `size` bytes.
    Refused { error: Errno, size: usize, n: usize, guards: Guards },
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, size, n, guards) = match self.0 {
            Cause::TooLarge(size) => {
                return write!(
                    f,
                    "gmp: a stack of {size} bytes is larger than the largest, 64 GiB"
                );
            }
            Cause::Refused { error, size, n, guards } => (error, size, n, guards),
        };
        write!(f, "gmp: cannot map {n} more stack(s) of {} KiB: {error}.", size >> 10)?;
        if guards == Guards::Protect {
            let limit = max_map_count();
            write!(
                f,
                " Each stack needs two mappings on this kernel (one from Linux 6.13 on holds them all), and vm.max_map_count \
                 allows {limit}: raise it with `sysctl -w vm.max_map_count=...`."
            )
        } else {
            f.write_str(
                " What may be in the way: the address space limit of the process (RLIMIT_AS, `ulimit -v`), \
                 vm.overcommit_memory=2, vm.max_map_count. Raise it, or use smaller stacks.",
            )
        }
    }
}

impl core::error::Error for ReserveError {}

/// With the same text; `InvalidInput` above 64 GiB, else `OutOfMemory`.
#[cfg(feature = "std")]
impl From<ReserveError> for std::io::Error {
    fn from(error: ReserveError) -> std::io::Error {
        use std::io::ErrorKind;
        let kind = match error.0 {
            Cause::TooLarge(_) => ErrorKind::InvalidInput,
            Cause::Refused { .. } => ErrorKind::OutOfMemory,
        };
        std::io::Error::new(kind, error)
    }
}

fn max_map_count() -> usize {
    sys::read_number(c"/proc/sys/vm/max_map_count").unwrap_or(USUAL_MAX_MAP_COUNT)
}

/// How many stacks guarded by `mprotect` this process may have: each takes two mappings. Asked of the system once.
pub(crate) fn protected_stacks() -> usize {
    static MOST: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: a number that is the same whoever writes it.
    let known = MOST.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let most = max_map_count().saturating_sub(HEADROOM) / 2;
    MOST.store(most.max(1), Ordering::Relaxed); // Relaxed: as above.
    most.max(1)
}
