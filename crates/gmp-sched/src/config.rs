//! What a runtime is started with.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::driver::{Driver, Preempt};

/// Most processors that a runtime can have. The scan of all Ps before going to sleep, and a table of one
/// word each, grow with it.
pub const MAX_PROCS: usize = 1024;

/// Smallest reserve: below it a panic's message does not fit.
const SMALLEST_STACK: usize = 16 << 10;

/// Parameters of a runtime; see each field.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// GOMAXPROCS: how many goroutines run at once; 1 to [`MAX_PROCS`]. By default the CPUs of the process's affinity
    /// mask, or fewer if the quota of one of its control groups allows less.
    pub procs: usize,
    /// Reserve of a goroutine's stack in bytes, unless it asks for another.
    pub stack_size: usize,
    /// Reserve of the main goroutine's stack in bytes.
    pub main_stack_size: usize,
    /// How long a goroutine runs while others wait, before it is asked to give way.
    pub time_slice: Duration,
    /// Threads that the runtime may have, blocked and stopped ones included. Reaching it aborts the process.
    pub max_threads: usize,
    /// Polls descriptors.
    pub driver: Option<&'static dyn Driver>,
    /// Stops goroutines that do not give way.
    pub preempt: Option<&'static dyn Preempt>,
    /// Reports a deadlock, given what it is, before the process ends with status 2. Called on g0, outside critical
    /// sections, with every processor idle.
    pub on_deadlock: Option<fn(&'static str)>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            procs: crate::cpus::default_procs(),
            stack_size: gmp_context::default_stack_size(),
            main_stack_size: 8 << 20,
            time_slice: Duration::from_millis(10),
            max_threads: 10_000,
            driver: None,
            preempt: None,
            on_deadlock: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("procs", &self.procs)
            .field("stack_size", &self.stack_size)
            .field("time_slice", &self.time_slice)
            .field("driver", &self.driver.is_some())
            .field("preempt", &self.preempt.is_some())
            .finish_non_exhaustive()
    }
}

/// Logarithm of the size that a stack of at least `size` bytes gets: the next power of two.
///
/// # Errors
///
/// `InvalidInput` beyond 64 GiB.
pub(crate) fn class_of(size: usize) -> io::Result<u8> {
    const LARGEST: usize = 64 << 30;
    match size.max(SMALLEST_STACK).checked_next_power_of_two() {
        Some(power) if power <= LARGEST => Ok(power.trailing_zeros() as u8),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a stack of {size} bytes was asked for; 64 GiB is the most"),
        )),
    }
}
