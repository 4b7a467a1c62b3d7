//! Timers themselves: many of them armed, set anew all the time, and firing beside other work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp::chan::bounded;
use gmp::go;
use gmp::time::{Timer, sleep};
use gmp_bench_contract::procfs::resident_and_page_tables;
use gmp_bench_contract::timers::{SLEEPERS, TIMERS, each, far, nap, nth_to_stop};
use gmp_bench_contract::{Job, Outcome, xorshift};

fn timer(random: u64) -> Timer {
    Timer::after_func(far(random), || panic!("a timer fired an hour early"))
}

/// Arms many timers, and stops them in another order; ns, bytes, ns each.
pub(crate) fn armed(job: &Job) -> Outcome {
    let n = job.size;
    let before = resident_and_page_tables();
    let mut timers = Vec::with_capacity(n as usize);
    let start = Instant::now();
    let mut random = 1;
    for _ in 0..n {
        random = xorshift(random, 1);
        timers.push(timer(random));
    }
    let armed = start.elapsed();
    let bytes = (resident_and_page_tables() - before) as f64 / n as f64;
    let start = Instant::now();
    let stopped = (0..n).filter(|&i| timers[nth_to_stop(i, n)].stop()).count();
    let values = vec![each(armed, n), bytes, each(start.elapsed(), n)];
    Outcome { values, check: stopped as u64 }
}

/// Resets and stops timers, on every processor; ns each, of one processor.
pub(crate) fn churn(job: &Job) -> Outcome {
    let mine = job.size / job.procs as u64;
    let start = Instant::now();
    let all: Vec<_> = (0..job.procs as u64)
        .map(|seed| {
            go(move || {
                let mut random = seed + 1;
                let timers: Vec<_> = (0..TIMERS as u64).map(|i| timer(seed + i)).collect();
                let mut live = 0;
                for i in 0..mine {
                    if i % 4 != 3 {
                        random = xorshift(random, 1);
                    }
                    let timer = &timers[random as usize % TIMERS];
                    let was_live = if i % 4 == 2 { timer.stop() } else { timer.reset(far(random)) };
                    live += u64::from(was_live);
                }
                for timer in &timers {
                    timer.stop();
                }
                live
            })
        })
        .collect();
    let live = all.into_iter().map(|goroutine| goroutine.join().expect("no panic")).sum();
    Outcome { values: vec![each(start.elapsed(), mine)], check: live }
}

/// Sleepers beside goroutines that pass messages all the time; how late they wake up.
pub(crate) fn late(job: &Job) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let pairs: Vec<_> = (0..2 * job.procs)
        .map(|_| {
            let (ping, pinged) = bounded::<u64>(0);
            let (pong, ponged) = bounded::<u64>(0);
            let stop = Arc::clone(&stop);
            go(move || {
                let echo = go(move || pinged.iter().for_each(|n| pong.send(n).expect("a reader")));
                // Relaxed: nothing but the flag is passed.
                while !stop.load(Ordering::Relaxed) {
                    ping.send(1).expect("an echo");
                    ponged.recv().expect("an echo");
                }
                drop(ping);
                echo.join().expect("no panic");
            })
        })
        .collect();
    let sleeps = job.size / SLEEPERS;
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|i| go(move || (0..sleeps).map(|n| lateness(nap(i, n))).collect()))
        .collect();
    let join = |goroutine: gmp::JoinHandle<Vec<f64>>| goroutine.join().expect("no panic");
    let late: Vec<f64> = sleepers.into_iter().flat_map(join).collect();
    // Relaxed: nothing but the flag is passed.
    stop.store(true, Ordering::Relaxed);
    pairs.into_iter().for_each(|pair| pair.join().expect("no panic"));
    Outcome::p50_p99(&late)
}

fn lateness(length: Duration) -> f64 {
    let begin = Instant::now();
    sleep(length);
    gmp_bench_contract::timers::late(begin.elapsed(), length)
}
