//! Goroutines that never give way, beside one that ticks: the ticks come on time, and the hogs' work is right. For
//! comparison: a plain thread that ticks beside as many plain threads that do the same work, which is what the kernel gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gmp::runtime::{Builder, metrics};

use crate::Run;
use crate::hogs::Kind;
use crate::latency::{self, Latency, Ticker};

/// One hog per processor for half of the time, then four; and as many threads for a quarter of that.
pub(crate) fn beside_a_ticker(run: &Run, kind: &'static Kind) -> Result<String, String> {
    // What the work must give, from a thread that nobody disturbs.
    let expected: Vec<u64> = (0..8).map(|n| (kind.work)(run.seed.wrapping_add(n))).collect();
    let expected = Arc::new(expected);
    let body = || {
        [1, 4]
            .map(|times| one(run, kind, times * run.procs, &expected))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
    };
    // SAFETY: no thread-local is kept over a park.
    let seen = unsafe { Builder::new().max_procs(run.procs).run(body) }?;
    let plain = [1, 4].map(|times| threads(run.time / 8, kind, times * run.procs));
    let both = seen.iter().zip(&plain).map(|(seen, plain)| format!("{seen} (threads: {plain})"));
    Ok(both.collect::<Vec<_>>().join("; "))
}

/// The same with threads, for `time`.
fn threads(time: Duration, kind: &'static Kind, hogs: usize) -> Latency {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..hogs as u64 {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    (kind.work)(n);
                }
            });
        }
        let ticker = scope.spawn(|| latency::ticks(&stop, thread::sleep));
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        Latency::of(ticker.join().unwrap_or_default())
    })
}

fn one(
    run: &Run,
    kind: &'static Kind,
    hogs: usize,
    expected: &Arc<Vec<u64>>,
) -> Result<String, String> {
    let before = metrics().total;
    let stop = Arc::new(AtomicBool::new(false));
    let seed = run.seed;
    let all: Vec<_> = (0..hogs)
        .map(|_| {
            let (stop, expected) = (stop.clone(), expected.clone());
            gmp::go(move || {
                let mut rounds = 0;
                while !stop.load(Ordering::Relaxed) {
                    let which = rounds % expected.len() as u64;
                    let sum = (kind.work)(seed.wrapping_add(which));
                    if sum != expected[which as usize] {
                        return Err(format!(
                            "round {rounds}: {sum:#x} instead of {:#x}",
                            expected[which as usize]
                        ));
                    }
                    rounds += 1;
                }
                Ok(rounds)
            })
        })
        .collect();
    let ticker = Ticker::start();
    gmp::time::sleep(run.time / 2);
    stop.store(true, Ordering::Relaxed);
    let latency = ticker.finish()?;
    let mut rounds = 0;
    for hog in all {
        rounds += hog.join().map_err(|_| "a hog has panicked")??;
    }
    let after = metrics().total;
    let stops = after.preempted_by_signal - before.preempted_by_signal;
    let retaken = after.retaken - before.retaken;
    Ok(format!(
        "{hogs} hogs, {rounds} rounds with the right sums, {stops} stops, {retaken} retaken, {latency}"
    ))
}
