//! A goroutine that sleeps for a millisecond again and again, and how late it wakes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What it sleeps.
const TICK: Duration = Duration::from_millis(1);

/// How long the sleeps took.
#[derive(Debug)]
pub(crate) struct Latency {
    sorted: Vec<Duration>,
}

impl Latency {
    /// From what each took.
    pub(crate) fn of(mut all: Vec<Duration>) -> Latency {
        all.sort_unstable();
        Latency { sorted: all }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// What `part` of all did not exceed.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let at = (self.sorted.len() as f64 * part) as usize;
        self.sorted.get(at.min(self.sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |part| self.quantile(part).as_secs_f64() * 1e3;
        let (ticks, p50, p99, most) = (self.len(), ms(0.5), ms(0.99), ms(1.0));
        write!(f, "{ticks} ticks of 1 ms: p50 {p50:.3}, p99 {p99:.3}, max {most:.3} ms")
    }
}

/// A ticker that runs.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    goroutine: gmp::JoinHandle<Vec<Duration>>,
}

impl Ticker {
    /// Starts one.
    pub(crate) fn start() -> Ticker {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let goroutine = gmp::go(move || ticks(&seen, gmp::time::sleep));
        Ticker { stop, goroutine }
    }

    /// Ends it.
    pub(crate) fn finish(self) -> Result<Latency, String> {
        self.stop.store(true, Ordering::Relaxed);
        let all = self.goroutine.join().map_err(|_| "the ticker has panicked")?;
        if all.iter().any(|slept| *slept < TICK) {
            return Err("a sleep has ended early".into());
        }
        Ok(Latency::of(all))
    }
}

/// Sleeps again and again until `stop`; what each sleep took.
pub(crate) fn ticks(stop: &AtomicBool, sleep: fn(Duration)) -> Vec<Duration> {
    let mut all = Vec::with_capacity(1 << 16);
    while !stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        sleep(TICK);
        all.push(before.elapsed());
    }
    all
}
