//! What the scenarios of the scheduler count: what begins ends, once; what is given is taken, once.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::JoinHandle;
use gmp::runtime::{Builder, num_goroutine};

use crate::Run;
use crate::rng::Rng;

/// How long the last goroutines may take to end when the others have.
const PATIENCE: Duration = Duration::from_secs(30);

/// The counts of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    begun: AtomicU64,
    ended: AtomicU64,
    given: AtomicU64,
    taken: AtomicU64,
}

/// Counts an end, also by a panic.
struct Ended(Arc<Ledger>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    /// Starts a goroutine that is counted.
    pub(crate) fn go<T: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let ended = Ended(Arc::clone(self));
        gmp::go(move || {
            let _ended = ended;
            f()
        })
    }

    /// Counts `n` units that somebody will take.
    pub(crate) fn give(&self, n: u64) {
        self.given.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts `n` units that somebody has given.
    pub(crate) fn take(&self, n: u64) {
        self.taken.fetch_add(n, Ordering::Relaxed);
    }

    /// Waits until the caller is the last goroutine, and compares.
    pub(crate) fn settle(&self) -> Result<String, String> {
        let since = Instant::now();
        while num_goroutine() > 1 {
            if since.elapsed() > PATIENCE {
                return Err(format!("{} goroutines do not end: {self:?}", num_goroutine() - 1));
            }
            gmp::yield_now();
        }
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (begun, ended) = (get(&self.begun), get(&self.ended));
        let (given, taken) = (get(&self.given), get(&self.taken));
        if (begun, given) == (ended, taken) {
            Ok(format!("{begun} goroutines, {given} units"))
        } else {
            Err(format!("{begun} begun, {ended} ended; {given} given, {taken} taken"))
        }
    }
}

/// Panics with `payload`, on purpose.
pub(crate) fn panics(payload: u64) -> ! {
    panic_any(payload)
}

/// What a goroutine returned; `None` if it has panicked with `payload`, as it should.
pub(crate) fn joined<T>(goroutine: JoinHandle<T>, payload: u64) -> Result<Option<T>, String> {
    match goroutine.join() {
        Ok(value) => Ok(Some(value)),
        Err(with) if with.downcast_ref() == Some(&payload) => Ok(None),
        Err(with) => Err(match with.downcast_ref::<String>() {
            Some(text) => format!("a goroutine has panicked: {text}"),
            None => "a goroutine has panicked that should not".into(),
        }),
    }
}

/// Runs wave after wave of a scenario until the time is over, and settles. What was seen: `beside`, and the counts.
pub(crate) fn waves(
    run: &Run,
    mut wave: impl FnMut(&Arc<Ledger>, &mut Rng) -> Result<(), String> + Send,
    beside: impl FnOnce(u64) -> String + Send,
) -> Result<String, String> {
    on(run, || {
        let ledger = Arc::new(Ledger::default());
        let mut rng = Rng::new(run.seed);
        let end = Instant::now() + run.time;
        let mut waves = 0;
        while Instant::now() < end {
            wave(&ledger, &mut rng)?;
            waves += 1;
        }
        let beside = beside(waves);
        Ok(format!("{beside}, {}", ledger.settle()?))
    })
}

/// Runs `body` as the main goroutine, in short slices, and says nothing about panics.
pub(crate) fn on(
    run: &Run,
    body: impl FnOnce() -> Result<String, String> + Send,
) -> Result<String, String> {
    std::panic::set_hook(Box::new(|_| {}));
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(run.procs).time_slice(Duration::from_millis(1)).run(body) }
}
