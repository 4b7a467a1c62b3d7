//! What one goroutine does to the others: nothing, whether it blocks its thread or hogs its processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::runtime::{gomaxprocs, metrics};

use crate::report::{Progress, Report, ms, percentile};

const TICK: Duration = Duration::from_millis(1);

/// Sleeps for a tick, `n` times, while others run; how long each took.
fn ticks(n: u64) -> Vec<Duration> {
    let mut progress = Progress::new("ticking", n);
    (0..n)
        .map(|i| {
            progress.at(i);
            let begun = Instant::now();
            gmp::time::sleep(TICK);
            begun.elapsed()
        })
        .collect()
}

pub(crate) fn blocked_threads(report: &mut Report) {
    const BLOCK: Duration = Duration::from_millis(600);
    let n = 2 * gomaxprocs();
    report.title(&format!("{n} goroutines block in a system call, the others go on"));
    let before = metrics().total.handoffs;
    let begun = Instant::now();
    let sleepers: Vec<_> =
        (0..n).map(|_| gmp::go(|| gmp::blocking(|| std::thread::sleep(BLOCK)))).collect();
    let mut took = ticks(300);
    sleepers.into_iter().for_each(|s| s.join().unwrap());
    let all = begun.elapsed();
    let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
    report.figure("1 ms sleep beside them, p50 / p99", &format!("{} / {}", ms(p50), ms(p99)));
    let handoffs = metrics().total.handoffs - before;
    report.figure("processors taken from blocked threads", &handoffs.to_string());
    report.promise("the others kept time", p50 < 2 * TICK && p99 < 10 * TICK);
    report.promise("the blocked ones blocked side by side", all < 2 * BLOCK);
}

pub(crate) fn hogs(report: &mut Report) {
    let n = 2 * gomaxprocs();
    report.title(&format!("{n} goroutines compute without a call, a 1 ms ticker keeps time"));
    let stop = Arc::new(AtomicBool::new(false));
    let turns: Arc<Vec<AtomicU64>> = Arc::new((0..n).map(|_| AtomicU64::new(0)).collect());
    let before = metrics().total.preempted_by_signal;
    let hogs: Vec<_> = (0..n)
        .map(|i| {
            let (stop, turns) = (stop.clone(), turns.clone());
            gmp::go(move || {
                // No runtime call in here: only a signal can take the processor away.
                while !stop.load(Ordering::Relaxed) {
                    turns[i].fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut took = ticks(1_500);
    stop.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|h| h.join().unwrap());
    let stopped = metrics().total.preempted_by_signal - before;
    let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
    let shares = turns.iter().map(|t| t.load(Ordering::Relaxed));
    let (least, most) = (shares.clone().min().unwrap_or(0), shares.max().unwrap_or(0));
    report.figure("1 ms sleep beside them, p50 / p99", &format!("{} / {}", ms(p50), ms(p99)));
    report.figure("goroutines stopped by signal", &stopped.to_string());
    report.figure("least and most served hog", &format!("{least} / {most} turns"));
    report.promise("the ticker kept time", p50 < 2 * TICK && p99 < 10 * TICK);
    report.promise("no hog starved", least > 0);
}
