//! Is a thread computing, or asleep in the kernel? Two looks at its CPU clock.
//!
//! A monitor that wants a processor back has two ways: a thread that computes must be stopped by a
//! signal; one that sleeps in a system call must not be signalled (it might see `EINTR`) and need not be,
//! for it is not using what it has. A thread's CPU clock can be read by others for less than a
//! microsecond, and on Linux the reading of a running thread is exact to the nanosecond. So a clock that
//! stands still between two readings means: not on a CPU. That leaves a thread that is ready but has been
//! given no CPU by the kernel; [`Target::is_asleep`] tells those two apart for some tens of microseconds more.
//! Allocates nothing, blocks neither. For monitors.

use std::{io, time::Duration};

use crate::{Target, sys};

/// A thread that is looked at and never stopped: no handler, no signal.
///
/// What it says of a thread that has ended is an error, or about another thread that has got its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observed(sys::ThreadId);

impl Observed {
    /// The calling thread.
    pub fn current() -> Observed {
        Observed(sys::ThreadId::current())
    }

    /// As [`Target::cpu_time`].
    ///
    /// # Errors
    /// `EINVAL` when the thread has ended.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        sys::cpu_time(self.0)
    }

    /// As [`Target::is_asleep`].
    ///
    /// # Errors
    /// What the system reports when the thread has ended; `Unsupported` where it does not tell.
    pub fn is_asleep(&self) -> io::Result<bool> {
        sys::is_asleep(self.0)
    }

    /// As [`Target::rest`].
    ///
    /// # Errors
    /// As [`is_asleep`](Observed::is_asleep).
    pub fn rest(&self) -> io::Result<Rest> {
        sys::rest(self.0)
    }
}

/// How the kernel has a thread that is not on a CPU.
///
/// A thread that is ready to run may have been put off its CPU while it computed, or may have been woken and is still in
/// its system call: then a signal would end that call with `EINTR` all the same, if it is one that is not restarted. Only
/// the number of its sleeps tells the two apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Rest {
    /// Asleep, as against running or ready to run.
    pub asleep: bool,
    /// How often it has gone to sleep by itself so far; being stopped in the handler is among that. `None` where the
    /// system does not tell.
    pub sleeps: Option<u64>,
}

/// What two readings of a thread's CPU clock say.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It has used the CPU since the first reading: only a signal stops it.
    Running,
    /// It has not run at all. Asleep in the kernel, if the machine has CPUs enough; see
    /// [`Target::is_asleep`] where that is not sure.
    Sleeping,
}

/// The first of two readings of a thread's CPU clock.
///
/// ```
/// # use gmp_preempt::{Probe, Target, Verdict};
/// unsafe fn never(_: *const ()) -> bool {
///     false
/// }
/// # fn main() -> std::io::Result<()> {
/// // SAFETY: `never` does nothing and ignores its argument.
/// let me = unsafe { Target::attach(never, std::ptr::null()) }?;
/// let probe = Probe::start(&me)?;
/// assert_eq!(probe.verdict(&me)?, Verdict::Running); // who asks about itself runs
/// me.detach();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    cpu: Duration,
}

impl Probe {
    /// Takes the first reading.
    ///
    /// # Errors
    /// As [`Target::cpu_time`].
    pub fn start(target: &Target) -> io::Result<Probe> {
        Ok(Probe { cpu: target.cpu_time()? })
    }

    /// Takes the second reading. Some tens of microseconds after the first are enough: what matters is
    /// that a thread that runs cannot help but advance.
    ///
    /// # Errors
    /// As [`Target::cpu_time`].
    pub fn verdict(&self, target: &Target) -> io::Result<Verdict> {
        let advanced = target.cpu_time()? != self.cpu;
        Ok(if advanced { Verdict::Running } else { Verdict::Sleeping })
    }

    /// The CPU time that the thread had used at the first reading.
    pub fn cpu_time(&self) -> Duration {
        self.cpu
    }
}
