//! Goroutines that never give way, beside one that ticks: the ticks come on time, and the hogs' work is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gmp::runtime::{Builder, metrics};

use crate::Run;
use crate::hogs::Kind;
use crate::latency::Ticker;

/// One hog per processor for half of the time, then four.
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
    Ok(seen.join("; "))
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
