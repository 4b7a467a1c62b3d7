//! What hogs get and what that costs: equal shares, no more processors than allowed, little overhead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, metrics};

use crate::Run;
use crate::hogs;

/// Hogs that count their rounds until they are stopped.
struct Hogs {
    stop: Arc<AtomicBool>,
    rounds: Vec<Arc<AtomicU64>>,
    all: Vec<gmp::JoinHandle<()>>,
}

impl Hogs {
    fn start(number: usize) -> Hogs {
        let mut hogs =
            Hogs { stop: Arc::new(AtomicBool::new(false)), rounds: Vec::new(), all: Vec::new() };
        (0..number).for_each(|_| hogs.add());
        hogs
    }

    fn add(&mut self) {
        let rounds = Arc::new(AtomicU64::new(0));
        let (stop, mine) = (self.stop.clone(), rounds.clone());
        self.rounds.push(rounds);
        self.all.push(gmp::go(move || {
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box((hogs::INTEGERS.work)(7));
                mine.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    fn rounds(&self) -> Vec<u64> {
        self.rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed)).collect()
    }

    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.all.into_iter().for_each(|hog| drop(hog.join()));
    }
}

/// Four hogs per processor get equal shares; one that comes late gets its first slice soon.
pub(crate) fn equal_shares(run: &Run) -> Result<String, String> {
    let body = || {
        let mut hogs = Hogs::start(4 * run.procs);
        gmp::time::sleep(Duration::from_millis(300)); // the threads that are needed have been made
        let before = hogs.rounds();
        gmp::time::sleep(run.time.max(Duration::from_secs(2)));
        let shares: Vec<u64> =
            hogs.rounds().iter().zip(&before).map(|(now, was)| now - was).collect();
        let born = Instant::now();
        hogs.add();
        while hogs.rounds().last() == Some(&0) {
            gmp::time::sleep(Duration::from_micros(500));
        }
        let late = born.elapsed();
        hogs.finish();
        (shares, late)
    };
    // SAFETY: no thread-local is kept over a park.
    let (shares, late) = unsafe { Builder::new().max_procs(run.procs).run(body) };
    let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    let worst = shares.iter().map(|&share| (share as f64 / mean - 1.0).abs()).fold(0.0, f64::max);
    Ok(format!(
        "{} hogs, farthest from the mean {:.1} %; one that came late ran after {:.1} ms",
        shares.len(),
        100.0 * worst,
        late.as_secs_f64() * 1e3,
    ))
}

/// The CPU time of all threads whose name begins like that of a goroutines' thread.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.starts_with("gmp-m"))
        })
        .filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
        })
        .sum()
}

/// Looks each millisecond for `time`: how many CPUs are used, and for how long at a stretch more than one and a half.
fn use_of_cpus(time: Duration) -> (f64, f64) {
    let (begun, first) = (Instant::now(), cpu_time());
    let (mut then, mut before, mut stretch, mut most) = (begun, first, 0.0_f64, 0.0_f64);
    while begun.elapsed() < time {
        thread::sleep(Duration::from_millis(1));
        let (now, cpu) = (Instant::now(), cpu_time());
        let wall = (now - then).as_secs_f64();
        let exceeds = cpu.saturating_sub(before).as_secs_f64() > 1.5 * wall;
        stretch = if exceeds { stretch + wall } else { 0.0 };
        most = most.max(stretch);
        (then, before) = (now, cpu);
    }
    ((before - first).as_secs_f64() / (then - begun).as_secs_f64(), most)
}

/// Goroutines on one processor that compute, some of them after having slept without saying so: together they use one
/// CPU and hardly more.
pub(crate) fn procs_are_kept(run: &Run) -> Result<String, String> {
    let body = || {
        let hogs = Hogs::start(3);
        let stop = hogs.stop.clone();
        let sleepers: Vec<_> = (0..6)
            .map(|_| {
                let stop = stop.clone();
                gmp::go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(1));
                        std::hint::black_box((0..20).fold(1, |sum, _| (hogs::INTEGERS.work)(sum)));
                    }
                })
            })
            .collect();
        gmp::time::sleep(Duration::from_millis(200));
        let used = gmp::blocking(|| use_of_cpus(run.time));
        hogs.finish();
        sleepers.into_iter().for_each(|sleeper| drop(sleeper.join()));
        (used, metrics().total.retaken)
    };
    // SAFETY: no thread-local is kept over a park.
    let ((used, most), retaken) = unsafe { Builder::new().max_procs(1).run(body) };
    let most = 1e3 * most;
    Ok(format!(
        "with GOMAXPROCS=1 goroutines used {used:.3} CPUs, more than one for {most:.1} ms at a stretch; {retaken} Ps retaken"
    ))
}

/// Work per second of two hogs per processor, with slices of 10 ms and 1 ms, against slices that never end.
pub(crate) fn cost(run: &Run) -> Result<String, String> {
    let rate = |slice: Duration| {
        let body = || {
            let hogs = Hogs::start(2 * run.procs);
            // A timer would shorten the slices; and with endless ones nobody comes back before the hogs have ended.
            let rate = gmp::blocking(|| {
                thread::sleep(Duration::from_millis(100));
                let (before, wall) = (hogs.rounds().iter().sum::<u64>(), Instant::now());
                thread::sleep(run.time / 6);
                let rounds = hogs.rounds().iter().sum::<u64>() - before;
                hogs.stop.store(true, Ordering::Relaxed);
                rounds as f64 / wall.elapsed().as_secs_f64()
            });
            hogs.finish();
            rate
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { Builder::new().max_procs(run.procs).time_slice(slice).run(body) }
    };
    let (mut never, mut ten, mut one) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        never.push(rate(Duration::from_secs(1000)));
        ten.push(rate(Duration::from_millis(10)));
        one.push(rate(Duration::from_millis(1)));
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let base = median(never);
    let (ten, one) = (100.0 * median(ten) / base, 100.0 * median(one) / base);
    Ok(format!("{ten:.2} % of the work at slices of 10 ms, {one:.2} % at 1 ms"))
}
