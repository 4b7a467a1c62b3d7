//! Starting the runtime, its parameters, and what can be asked of it while it runs.

use std::io;
use std::time::Duration;

use gmp_sched::{Config, MAX_PROCS};

#[doc(inline)]
pub use gmp_sched::{
    ForbidPark, Metrics, OsThreadGuard, ProcMetrics, forbid_park, gomaxprocs, lock_os_thread,
    num_goroutine, set_gomaxprocs,
};

use crate::dump::{collect, print};
use crate::env;
use crate::observer::{self, Wishes};
use crate::{glue, panics};

#[cfg(feature = "metrics")]
mod export;
pub mod stack;

#[cfg(feature = "metrics")]
pub use export::export_metrics;

/// Parameters of a runtime. What is not set comes from the environment (`GOMAXPROCS`, `GMP_STACK_SIZE`,
/// `GMP_TIME_SLICE`), else from the machine.
///
/// ```
/// let runtime = gmp::runtime::Builder::new().max_procs(3).stack_size(64 << 10);
/// // SAFETY: nothing here keeps what belongs to a thread over a call that parks.
/// let procs = unsafe { runtime.run(gmp::runtime::gomaxprocs) };
/// assert_eq!(procs, 3);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing before `run`"]
pub struct Builder {
    max_procs: Option<usize>,
    stack_size: Option<usize>,
    time_slice: Option<Duration>,
    max_threads: Option<usize>,
}

impl Builder {
    /// Nothing set.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// GOMAXPROCS: how many goroutines run at once, 1 to 1024.
    pub fn max_procs(mut self, n: usize) -> Builder {
        self.max_procs = Some(n);
        self
    }

    /// Reserve of a goroutine's stack in bytes, rounded up to a power of two. Address space, not memory.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// How long a goroutine runs while others wait before it is asked, then made, to give way.
    pub fn time_slice(mut self, slice: Duration) -> Builder {
        self.time_slice = Some(slice);
        self
    }

    /// Threads that the runtime may have, including those that goroutines block. Reaching it aborts.
    pub fn max_threads(mut self, n: usize) -> Builder {
        self.max_threads = Some(n);
        self
    }

    /// Runs `f` as the main goroutine; see [`run`].
    ///
    /// # Panics
    ///
    /// As [`run`]; when a parameter makes no sense.
    ///
    /// # Safety
    ///
    /// As [`run`].
    ///
    /// ```
    /// // SAFETY: nothing here keeps what belongs to a thread over a call that parks.
    /// let answer = unsafe { gmp::run(|| gmp::go(|| 6 * 7).join().unwrap()) };
    /// assert_eq!(answer, 42);
    /// ```
    pub unsafe fn run<T>(self, f: impl FnOnce() -> T + Send) -> T {
        let (config, wishes) = match self.config().and_then(|c| Ok((c, Wishes::read()?))) {
            Ok(parsed) => parsed,
            Err(e) => panic!("{e}"),
        };
        // Ends when this returns or panics.
        let _trace = match crate::trace::from_environment() {
            Ok(trace) => trace,
            Err(e) => panic!("{e}"),
        };
        if let Err(e) = crate::top::from_environment() {
            panic!("{e}");
        }
        panics::install();
        observer::start(wishes);
        // Now, where it may allocate: the scheduler polls in critical sections.
        if let Err(e) = crate::net::poll::netpoll() {
            panic!("cannot open the poller of descriptors: {e}");
        }
        // SAFETY: the caller's contract is the same.
        unsafe { gmp_sched::run(config, crate::local::with_locals(f)) }
    }

    fn config(&self) -> Result<Config, String> {
        let sizes = "wants bytes, optionally with K, KiB, M, MiB, G or GiB";
        let procs = env::read("GOMAXPROCS", env::count, "wants a number from 1 to 1024")?;
        let stack = env::read("GMP_STACK_SIZE", env::size, sizes)?;
        let slice = env::read("GMP_TIME_SLICE", env::duration, "wants a time like 10ms or 500us")?;
        let preempt = env::read("GMP_PREEMPT", on_or_off, "wants on or off")?.unwrap_or(true);
        let mut config = Config::default();
        config.procs = self.max_procs.or(procs).unwrap_or(config.procs);
        config.stack_size = self.stack_size.or(stack).unwrap_or(config.stack_size);
        config.main_stack_size = config.main_stack_size.max(config.stack_size);
        config.time_slice = self.time_slice.or(slice).unwrap_or(config.time_slice);
        config.max_threads = self.max_threads.unwrap_or(config.max_threads);
        config.driver = Some(glue::DRIVER);
        config.preempt = Some(if preempt { glue::PREEMPT } else { glue::WATCH });
        config.on_deadlock = Some(observer::deadlock);
        if !(1..=MAX_PROCS).contains(&config.procs) {
            return Err(format!(
                "GOMAXPROCS={}: wants a number from 1 to {MAX_PROCS}",
                config.procs
            ));
        }
        if config.time_slice < Duration::from_micros(100) {
            return Err(format!(
                "a time slice of {:?} is below 100 µs, the cost of a few hand-overs",
                config.time_slice
            ));
        }
        if config.max_threads <= config.procs {
            return Err(format!(
                "{} threads are too few for {} processors",
                config.max_threads, config.procs
            ));
        }
        Ok(config)
    }
}

fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" | "1" => Some(true),
        "off" | "0" => Some(false),
        _ => None,
    }
}

/// Runs `f` as the main goroutine of a new runtime, and returns its result when it returns, whatever the
/// other goroutines are doing: they never run again. Blocks the thread; waits for its turn while a runtime
/// of another thread is running.
///
/// # Panics
///
/// With the payload of `f`'s panic; when called from a goroutine; when an environment variable makes no
/// sense; when the system refuses threads or memory.
///
/// # Safety
///
/// The one contract: a goroutine may continue on another OS thread after it parked, so code in goroutines
/// must not keep what belongs to its thread over a call that can park: no borrow of a thread-local's content,
/// no handle to it, no function that uses the same thread-local before and after a park.
/// `docs/contract.md` has examples of what is fine and what is not.
pub unsafe fn run<T>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: the caller's contract is the same.
    unsafe { Builder::new().run(f) }
}

/// CPUs that the process may use: affinity and cgroup quota.
pub fn num_cpu() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Figures of the runtime: counters per processor and totals. Allocates; neither parks nor blocks.
///
/// # Panics
///
/// When no runtime is running.
///
/// ```
/// # unsafe { gmp::run(|| {
/// gmp::go(|| ()).join().unwrap();
/// let metrics = gmp::runtime::metrics();
/// assert!(metrics.total.spawned >= 1 && metrics.goroutines >= 1);
/// println!("99 of 100 waited less than {:?} for a processor", metrics.latency(0.99));
/// # }) };
/// ```
pub fn metrics() -> Metrics {
    gmp_sched::metrics()
}

/// Writes every goroutine to `out`, the caller's first, in Go's layout: its number and name, what it does or waits for
/// and for how long, its stack if it is parked, and who created it where. From a thousand goroutines on those with
/// identical stacks are one entry, the most numerous first.
///
/// Nobody takes up a parked goroutine while their stacks are walked, on a thread made for that: about a microsecond
/// for each. Those that run are not stopped. Blocks the calling thread, but not its processor; writing may park.
///
/// No shared library may be unloaded (`dlclose`) meanwhile, nor during a dump for SIGQUIT, a deadlock or `GMP_WARN_HOG`: the
/// tables by which stacks are walked are read where the loader has put them.
///
/// # Errors
///
/// What `out` says, or the system when it has no thread for it.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let mut text = Vec::new();
/// gmp::runtime::dump(&mut text)?;
/// assert!(String::from_utf8_lossy(&text).starts_with("goroutine "));
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub fn dump(out: &mut impl io::Write) -> io::Result<()> {
    let own = collect::own_stack().map(|(id, frames)| (id.as_u64(), frames));
    let text = gmp_sched::blocking(|| {
        let work = move || print::dump(collect::collect(false), own);
        std::thread::Builder::new()
            .name("gmp-dump".into())
            .spawn(work)?
            .join()
            .map_err(|_| io::Error::other("the dump panicked"))
    })?;
    out.write_all(text.as_bytes())
}
