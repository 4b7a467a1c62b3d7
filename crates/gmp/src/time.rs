//! Time: sleeping, timers, tickers.
//!
//! A timer's receiver is a channel without a buffer whose sender is the clock: its value comes into being
//! when it is received, so a stopped or reset timer can leave nothing stale behind. That part is
//! `chan/timer.rs`; this file is its face, and sleeping.
//!
//! # Guarantees
//!
//! - Nothing here is early. How late it is depends on who else wants to run.
//! - A duration beyond a century counts as a century, so nothing here overflows.
//! - `stop` and `reset` are exact under races: false means that the value has been, or will be, received, or
//!   that the function has been started; true means that it has not and will not.
//! - Dropping a handle stops nothing.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp_sched::{Claim, Delayed, WaitReason, Waiter, park_until, spawn_at};

use crate::chan::timer::TimerCore;
use crate::chan::{Receiver, never};
use crate::sync::Mutex;

/// What stands for "never": far beyond any process, and far from overflowing an `Instant`.
const FOREVER: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// The time: the monotonic clock's, or inside a [bubble](crate::testing::bubble) that of the bubble. Neither parks nor
/// blocks.
pub fn now() -> Instant {
    gmp_sched::bubble_now().unwrap_or_else(Instant::now)
}

/// The moment `d` from now.
pub(crate) fn after_now(d: Duration) -> Instant {
    now() + d.min(FOREVER)
}

/// Waits for at least `d`; at once if that is zero. Parks the goroutine, blocks a plain thread.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// gmp::time::sleep(Duration::from_millis(2));
/// assert!(start.elapsed() >= Duration::from_millis(2)); // never early
/// # }) };
/// ```
pub fn sleep(d: Duration) {
    if !d.is_zero() {
        wait_until(after_now(d));
    }
}

/// Waits until `deadline`, not less; at once if that has passed. Parks the goroutine, blocks a plain thread.
pub fn sleep_until(deadline: Instant) {
    if deadline > now() {
        wait_until(deadline);
    }
}

fn wait_until(deadline: Instant) {
    let claim = Claim::new();
    let waiter = Waiter::current();
    // SAFETY: `waiter` is this caller's; nobody else knows of `claim`, so only the clock ends the wait.
    unsafe { park_until(waiter, WaitReason::Sleep, deadline, &claim, || ()) };
}

/// A receiver that gets the time once, `d` from now. Neither parks nor blocks.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::time::Duration;
///
/// let (_tx, rx) = gmp::chan::bounded::<u32>(0);
/// let got = gmp::select! {
///     recv(rx) -> n => n.ok(),
///     recv(gmp::time::after(Duration::from_millis(1))) -> _ => None,
/// };
/// assert_eq!(got, None);
/// # }) };
/// ```
pub fn after(d: Duration) -> Receiver<Instant> {
    TimerCore::receiver(&TimerCore::new(Some(after_now(d)), None))
}

/// A receiver that gets the time every `d`, without a handle to stop it; see [`Ticker`]. With a `d` of zero,
/// one that never gets anything. Neither parks nor blocks.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::time::Duration;
///
/// let ticks = gmp::time::tick(Duration::from_millis(1));
/// assert_eq!(ticks.iter().take(3).count(), 3);
/// # }) };
/// ```
pub fn tick(d: Duration) -> Receiver<Instant> {
    if d.is_zero() {
        return never();
    }
    Ticker::new(d).receiver
}

/// Something that happens once, at a set time: a value to receive, or a function to run.
///
/// ```no_run
/// use std::time::Duration;
///
/// let timer = gmp::time::Timer::new(Duration::from_secs(1));
/// timer.reset(Duration::from_millis(5));
/// let _when = timer.receiver().recv();
/// ```
pub struct Timer {
    kind: Kind,
    receiver: Receiver<Instant>,
}

enum Kind {
    Value(Arc<TimerCore>),
    Function { run: Arc<dyn Fn() + Send + Sync>, pending: Mutex<Option<Delayed>> },
}

impl Timer {
    /// A timer whose receiver gets the time `d` from now. Neither parks nor blocks.
    pub fn new(d: Duration) -> Timer {
        let core = TimerCore::new(Some(after_now(d)), None);
        let receiver = TimerCore::receiver(&core);
        Timer { kind: Kind::Value(core), receiver }
    }

    /// A timer that runs `f` in a goroutine of its own, `d` from now; a [`reset`](Timer::reset) runs it
    /// again. If it still runs then, the later run waits for the earlier. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn after_func<F>(d: Duration, f: F) -> Timer
    where
        F: FnMut() + Send + 'static,
    {
        let f = Mutex::new(f);
        let run: Arc<dyn Fn() + Send + Sync> = Arc::new(move || (*f.lock())());
        let pending = Mutex::new(Some(start_at(d, &run)));
        Timer { kind: Kind::Function { run, pending }, receiver: never() }
    }

    /// Where the time is received; for a timer with a function, nothing ever is. Its length is 0 and its
    /// capacity `Some(0)`. Neither parks nor blocks.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Prevents what has not happened yet. True when it did: a value that was due but not received counts as
    /// not happened, and is gone. Does not wait for a function that runs.
    pub fn stop(&self) -> bool {
        match &self.kind {
            Kind::Value(core) => core.stop(),
            Kind::Function { pending, .. } => {
                pending.lock().take().is_some_and(|start| start.cancel())
            }
        }
    }

    /// Sets the timer to `d` from now, whether it was stopped, due, or is still to come. The result is that
    /// of a [`stop`](Timer::stop) just before.
    ///
    /// # Panics
    ///
    /// When the timer has a function and no runtime is running.
    #[track_caller]
    pub fn reset(&self, d: Duration) -> bool {
        match &self.kind {
            Kind::Value(core) => core.reset(Some(after_now(d)), None),
            Kind::Function { run, pending } => {
                let mut pending = pending.lock();
                if pending.as_ref().is_some_and(|start| start.reset(after_now(d))) {
                    return true;
                }
                let prevented = pending.take().is_some_and(|start| start.cancel());
                *pending = Some(start_at(d, run));
                prevented
            }
        }
    }
}

/// Starts a goroutine that calls `run`, `d` from now.
#[track_caller]
fn start_at(d: Duration, run: &Arc<dyn Fn() + Send + Sync>) -> Delayed {
    let run = Arc::clone(run);
    spawn_at(after_now(d), move || run())
}

// A panic elsewhere leaves nothing of it half done.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Value(_) => "value",
            Kind::Function { .. } => "function",
        };
        f.debug_struct("Timer").field("kind", &kind).finish_non_exhaustive()
    }
}

/// Something that happens again and again: a receiver that gets the time at a fixed rhythm.
///
/// A tick that nobody has received when the next one is due is dropped: a slow reader finds one tick, not
/// all it has missed, and the rhythm keeps its phase.
///
/// ```no_run
/// use std::time::Duration;
///
/// let ticker = gmp::time::Ticker::new(Duration::from_millis(10));
/// for _ in 0..3 {
///     let _when = ticker.receiver().recv();
/// }
/// ticker.stop();
/// ```
pub struct Ticker {
    core: Arc<TimerCore>,
    receiver: Receiver<Instant>,
}

impl Ticker {
    /// A ticker that ticks every `d`, for the first time `d` from now. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When `d` is zero.
    #[track_caller]
    pub fn new(d: Duration) -> Ticker {
        let period = period(d, "NewTicker");
        let core = TimerCore::new(Some(after_now(d)), Some(period));
        let receiver = TimerCore::receiver(&core);
        Ticker { core, receiver }
    }

    /// Where the ticks are received. Neither parks nor blocks.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Ticks every `d` from now on; a tick that was due and not received is gone. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When `d` is zero.
    #[track_caller]
    pub fn reset(&self, d: Duration) {
        let period = period(d, "Ticker.Reset");
        self.core.reset(Some(after_now(d)), Some(period));
    }

    /// Ends the ticking; the receiver stays open, and gets nothing. Neither parks nor blocks.
    pub fn stop(&self) {
        self.core.stop();
    }
}

/// `d`, which must not be zero; Go's words for its function `whose`.
#[track_caller]
fn period(d: Duration, whose: &str) -> Duration {
    assert!(!d.is_zero(), "non-positive interval for {whose}");
    d.min(FOREVER)
}

// A panic elsewhere leaves nothing of it half done.
impl UnwindSafe for Ticker {}
impl RefUnwindSafe for Ticker {}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}
