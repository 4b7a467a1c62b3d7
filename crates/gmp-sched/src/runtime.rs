//! Starting and stopping: one runtime at a time per process, on threads of its own.
//!
//! The thread that calls [`run`] waits while the runtime's threads work: the main goroutine may end on any of
//! them, and the caller must be free to return then, whatever the others are doing.
//!
//! When the main goroutine has ended the others are brought to rest (`stop.rs`).
//!
//! Goroutines that have not ended are left as they are, with their stacks: what they borrow may be in use.

use std::panic;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::alloc_check;
use crate::caller::Current;
use crate::config::Config;
use crate::critical::critical;
use crate::fatal;
use crate::metrics::Metrics;
use crate::monitor;
use crate::scheduler::Scheduler;
use crate::spawner;
use crate::stop;
use crate::sync::plain::{AtomicUsize, Ordering};
use crate::sys;
use crate::task::{self, Options};

/// The payload with which [`goexit`] unwinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goexit;

/// Ends the calling goroutine, after running its destructors; joining it gives an error whose payload is
/// [`Goexit`]. On a plain thread it unwinds the thread in the same way.
///
/// ```
/// # use gmp_sched as gmp;
/// # unsafe { gmp::run(gmp::Config::default(), || {
/// # let go = |f: fn()| gmp::spawn(gmp::Options::default(), f).unwrap();
/// let ended = go(|| gmp::goexit()).join().unwrap_err();
/// assert!(ended.is::<gmp::Goexit>());
/// # }) };
/// ```
pub fn goexit() -> ! {
    panic::resume_unwind(Box::new(Goexit))
}

/// Runs `f` as the main goroutine of a new runtime and returns its result when it returns, whatever other
/// goroutines are doing; they never run again. Blocks the thread. A runtime that another thread has started
/// is waited for.
///
/// # Panics
///
/// With the payload of `f`'s panic; when called from a goroutine; when the system refuses a thread or a stack.
///
/// # Safety
///
/// A goroutine may continue on another OS thread after it parked. So code that runs in goroutines must not
/// keep what belongs to its thread over a call that can park: no borrow of a thread-local, no handle to its
/// content, and no function that uses the same thread-local before and after. `docs/contract.md` has examples.
pub unsafe fn run<T>(config: Config, f: impl FnOnce() -> T + Send) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    assert!(
        Current::get().is_none(),
        "gmp::run was called from a goroutine: goroutines are started with gmp::go"
    );
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    if gmp_context::shadow_stack_active() {
        panic!(
            "gmp cannot switch stacks while the CPU's shadow stack is on: start with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off"
        );
    }
    if let Err(e) = gmp_context::guard::install() {
        panic!("cannot install the handler that reports stack overflows: {e}");
    }
    alloc_check::announce();
    gmp_context::guard::set_describe(describe);
    gmp_context::guard::set_advice(&ADVICE);
    let sched = match Scheduler::new(config) {
        Ok(sched) => sched,
        Err(e) => panic!("cannot start the runtime: {e}"),
    };
    stop::succeed(sched);
    start_threads(sched);
    Scheduler::set_running(Some(sched));
    let options =
        Options { name: Some("main".into()), stack_size: Some(sched.config.main_stack_size) };
    // SAFETY: joined below, before anything that `f` borrows can end; `f` is `Send`, and its result is handed
    // to this thread by the join.
    let main = match unsafe { task::spawn_unchecked(options, || main_goroutine(sched, f)) } {
        Ok(main) => main,
        Err(e) => panic!("cannot start the main goroutine: {e}"),
    };
    let result = main.join();
    if result.as_ref().is_err_and(|payload| payload.is::<Goexit>()) {
        wait_for_the_others(sched);
    }
    Scheduler::set_running(None);
    stop::stop(sched);
    match result {
        Ok(value) => value,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Ends the report of a stack overflow.
static ADVICE: &str = "raise it for this goroutine or for all (`stack_size` of either builder, GMP_STACK_SIZE=4M), or recurse \
                       through `stack::maybe_grow`; only pages that are touched take memory";

/// Names the calling goroutine in the report of a stack overflow. In the signal handler: no allocation, no lock.
fn describe(_fault: usize, out: &mut dyn FnMut(&[u8])) {
    let Some(g) = Current::get() else { return out(b"a stack of the runtime") };
    out(b"goroutine ");
    digits(g.id().as_u64(), out);
    if let Some(name) = g.name() {
        out(b" '");
        out(name.as_bytes());
        out(b"'");
    }
    out(b", started at ");
    out(g.spawned_at().file().as_bytes());
    out(b":");
    digits(g.spawned_at().line().into(), out);
}

fn digits(n: u64, out: &mut dyn FnMut(&[u8])) {
    if n >= 10 {
        digits(n / 10, out);
    }
    out(&[b'0' + (n % 10) as u8]);
}

/// The main goroutine: notes that it runs, for the deadlock detector.
fn main_goroutine<T>(sched: &'static Scheduler, f: impl FnOnce() -> T) -> T {
    struct Running(&'static Scheduler);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.main_runs.store(false, Ordering::Release); // Release: pairs with Acquire in `check_deadlock`.
        }
    }
    sched.main_runs.store(true, Ordering::Release); // Release: as above.
    let _running = Running(sched);
    f()
}

fn start_threads(sched: &'static Scheduler) {
    let service = |name: &str, body: fn(&'static Scheduler)| {
        thread::Builder::new()
            .name(name.into())
            .stack_size(256 << 10)
            .spawn(move || sched.counted(|| body(sched)))
    };
    // One M more than Ps: a spare must be at hand when the first goroutine is to be stopped.
    let started = service("gmp-monitor", monitor::run)
        .and_then(|_| service("gmp-spawner", spawner::main))
        .and_then(|_| (0..sched.procs() + 1).try_for_each(|_| spawner::start_m(sched)));
    if let Err(e) = started {
        sched.begin_stop();
        wake_everybody(sched);
        panic!("cannot start the runtime's threads (RLIMIT_NPROC, pids.max or memory?): {e}");
    }
}

/// The main goroutine has called `goexit`: the others go on, and when none is left that is a deadlock.
fn wait_for_the_others(sched: &'static Scheduler) -> ! {
    // SeqCst: before the look; the last goroutine's M looks after it has gone idle.
    sched.main_exited.store(true, Ordering::SeqCst);
    loop {
        sched.check_deadlock();
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// Makes every thread of the runtime look, after it was told to stop.
pub(crate) fn wake_everybody(sched: &'static Scheduler) {
    // Who takes a P under this lock later sees that the runtime stops. Spares are in no list: the monitor sees to them.
    loop {
        let m = sched.lists.lock().pop_m();
        match m {
            Some(m) => m.parker.notify(),
            None => break,
        }
    }
    sched.poke_watcher();
    sched.monitor.poke();
    sched.spawner.wake();
}

impl Scheduler {
    /// Runs the body of one of the runtime's threads.
    pub(crate) fn counted(&'static self, body: impl FnOnce()) {
        self.live_threads.fetch_add(1, Ordering::AcqRel); // AcqRel: pairs with Acquire in `check_deadlock`.
        body();
        self.live_threads.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
    }

    /// Ends the process if nothing can ever happen again: every P idle, no timer, nobody in the poller, no
    /// blocking section, and no thread of the process that is not the runtime's and could still call it.
    ///
    /// The last thing that a foreign thread does may be to make somebody ready, between a look at the queues and one at
    /// the threads. So the queues are looked at before and after the threads; if no goroutine has begun to run in between,
    /// they were empty all the while, and there was a moment at which there was neither.
    pub(crate) fn check_deadlock(&'static self) {
        let dispatched = self.dispatched();
        // Acquire: pairs with the stores in `run` and `wait_for_the_others`.
        let exited = self.main_exited.load(Ordering::Acquire);
        let runs = exited || self.main_runs.load(Ordering::Acquire);
        if !runs || !self.is_quiet() || self.is_stopping() {
            return;
        }
        // Ours: those that have counted themselves, and the one that waits in `run`. A thread that has not yet, or
        // no more, looks foreign: then the next one to go idle decides. Services begin and end all the time: no more are taken
        // for ours than were there all the while, since they count when they are there, and their end before they are gone.
        // Acquire: pairs with AcqRel where threads count themselves.
        let begun =
            self.live_threads.load(Ordering::Acquire) + SERVICES.load(Ordering::Acquire) + 1;
        let all = sys::thread_count();
        // Acquire: as above; behind the look at the threads.
        let ended = SERVICES_ENDED.load(Ordering::Acquire);
        if all.is_none_or(|all| all + ended > begun) {
            return;
        }
        // Whoever has made somebody ready meanwhile had an M woken, which comes by here when it has nothing to do again.
        if !self.is_quiet() || self.dispatched() != dispatched {
            return;
        }
        if exited && self.goroutines() == 0 {
            self.deadlock("no goroutines (main called goexit) - deadlock!");
        }
        self.deadlock("all goroutines are asleep - deadlock!");
    }

    /// Whether nobody runs, nobody waits to run, and no event can make anybody ready.
    fn is_quiet(&'static self) -> bool {
        let lists = self.lists.lock();
        lists.all_idle(self)
            && !lists.has_watcher()
            && self.waiting() == 0
            // Acquire: pairs with AcqRel where it is counted.
            && self.blocked.load(Ordering::Acquire) == 0
            && self.earliest_timer() == crate::clock::NEVER
            && self.config.driver.is_none_or(|d| d.waiting() == 0)
    }

    /// How often goroutines have begun to run.
    fn dispatched(&'static self) -> u64 {
        (0..self.created()).map(|i| self.proc(i).counters.switches.get()).sum()
    }

    /// Reports it, once, and ends the process.
    #[cold]
    fn deadlock(&'static self, what: &'static str) -> ! {
        static REPORTED: Mutex<()> = Mutex::new(());
        let _once = REPORTED.lock().unwrap_or_else(|e| e.into_inner());
        alloc_check::lift();
        if let Some(report) = self.config.on_deadlock {
            report(what);
        }
        fatal::deadlock(what);
    }
}

/// Threads that serve the runtime from outside, so far: they do not keep a deadlock from being one.
static SERVICES: AtomicUsize = AtomicUsize::new(0);
/// How many of them have ended.
static SERVICES_ENDED: AtomicUsize = AtomicUsize::new(0);

/// Counts the calling thread, which will never end a wait of a goroutine. Until it has, it may keep a deadlock from being
/// reported. Neither parks nor blocks.
pub fn add_service_thread() {
    SERVICES.fetch_add(1, Ordering::AcqRel); // AcqRel: pairs with Acquire in `check_deadlock`.
}

/// Takes that back, before the thread ends.
pub fn remove_service_thread() {
    SERVICES_ENDED.fetch_add(1, Ordering::AcqRel); // AcqRel: as above.
}

/// Goroutines that have not ended; none without a runtime.
pub fn try_num_goroutine() -> Option<usize> {
    Scheduler::try_current().map(Scheduler::goroutines)
}

/// Whether a runtime is running in the process.
pub fn running() -> bool {
    Scheduler::try_current().is_some_and(|s| !s.is_stopping())
}

/// GOMAXPROCS of the running runtime.
///
/// # Panics
///
/// When none runs.
#[track_caller]
pub fn gomaxprocs() -> usize {
    Scheduler::current().procs()
}

/// Where the caller runs: the number of its processor, and how many there are now. (0, 1) outside goroutines.
/// Both are hints, outdated when it returns, for who spreads something over processors. Neither parks nor
/// blocks.
pub fn proc_hint() -> (usize, usize) {
    let section = critical();
    match section.m() {
        Some(m) => (m.p().map_or(0, |p| p.index), m.sched.procs()),
        None => (0, 1),
    }
}

/// Changes GOMAXPROCS, while everything runs, to `n` (1 to [`MAX_PROCS`](crate::MAX_PROCS)), until `run`
/// returns. Returns the previous value. May block the thread for microseconds.
///
/// # Panics
///
/// When no runtime runs, or `n` is 0.
#[track_caller]
pub fn set_gomaxprocs(n: usize) -> usize {
    assert!(n > 0, "GOMAXPROCS must be at least 1");
    Scheduler::current().set_procs(n)
}

/// Goroutines that have not ended, the main one included.
///
/// # Panics
///
/// When no runtime runs.
#[track_caller]
pub fn num_goroutine() -> usize {
    Scheduler::current().goroutines()
}

/// Figures of the running runtime. Allocates; neither parks nor blocks.
///
/// # Panics
///
/// When none runs.
#[track_caller]
pub fn metrics() -> Metrics {
    Scheduler::current().metrics()
}

/// While it lives, a park of the goroutine that made it aborts the process: for code that holds a borrow of
/// a thread-local, or anything else that must not change threads.
#[derive(Debug)]
pub struct ForbidPark {
    /// Bound to the goroutine, which cannot leave its thread meanwhile.
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Forbids the calling goroutine to park until the guard is dropped. Nothing on a plain thread.
pub fn forbid_park() -> ForbidPark {
    change_forbidden(1);
    ForbidPark { _not_send: std::marker::PhantomData }
}

impl Drop for ForbidPark {
    fn drop(&mut self) {
        change_forbidden(-1);
    }
}

fn change_forbidden(by: i16) {
    let section = critical();
    if let Some(g) = section.m().and_then(|m| m.g()) {
        // SAFETY: the caller's own header.
        let count = unsafe { &g.as_ref().forbid_park };
        count.set(count.get().saturating_add_signed(by));
    }
}

/// Figures of the running runtime; none without one. Allocates.
pub fn try_metrics() -> Option<Metrics> {
    Scheduler::try_current().map(Scheduler::metrics)
}
