//! Timers themselves: many of them armed, set anew all the time, and firing beside other work.
//!
//! A timer is a `Sleep` that has been polled once; tokio has none with a function.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use gmp_bench_contract::procfs::resident_and_page_tables;
use gmp_bench_contract::timers::{SLEEPERS, TIMERS, each, far, nap, nth_to_stop};
use gmp_bench_contract::{Job, Outcome, xorshift};
use tokio::spawn;
use tokio::sync::mpsc::channel;
use tokio::time::{Sleep, sleep};

/// Registers it with the timer wheel. Whether it was still to come.
async fn poll_once(timer: &mut Pin<Box<Sleep>>) -> bool {
    poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await
}

async fn timer(random: u64) -> Pin<Box<Sleep>> {
    let mut timer = Box::pin(sleep(far(random)));
    assert!(poll_once(&mut timer).await, "a timer fired an hour early");
    timer
}

/// Arms many timers, and drops them in another order; ns, bytes, ns each.
pub fn armed(job: &Job) -> Outcome {
    let n = job.size;
    crate::runtime(job.procs).block_on(async move {
        let body = async move {
            let before = resident_and_page_tables();
            let mut timers = Vec::with_capacity(n as usize);
            let start = Instant::now();
            let mut random = 1;
            for _ in 0..n {
                random = xorshift(random, 1);
                timers.push(Some(timer(random).await));
            }
            let armed = start.elapsed();
            let bytes = (resident_and_page_tables() - before) as f64 / n as f64;
            let start = Instant::now();
            let mut stopped = 0;
            for i in 0..n {
                let timer = timers[nth_to_stop(i, n)].take();
                stopped += u64::from(timer.is_some_and(|timer| !timer.is_elapsed()));
            }
            let values = vec![each(armed, n), bytes, each(start.elapsed(), n)];
            Outcome { values, check: stopped }
        };
        spawn(body).await.expect("no panic")
    })
}

/// Resets timers, drops them and makes them anew, on every worker; ns each, of one worker.
pub fn churn(job: &Job) -> Outcome {
    let procs = job.procs as u64;
    let mine = job.size / procs;
    let one = move |seed: u64| async move {
        let mut random = seed + 1;
        let mut timers = Vec::new();
        for i in 0..TIMERS as u64 {
            timers.push(Some(timer(seed + i).await));
        }
        let mut live = 0;
        for i in 0..mine {
            if i % 4 != 3 {
                random = xorshift(random, 1);
            }
            let slot = &mut timers[random as usize % TIMERS];
            let was_live = slot.as_ref().is_some_and(|timer| !timer.is_elapsed());
            match (i % 4, slot.as_mut()) {
                (2, _) => *slot = None,
                (_, Some(timer)) => timer.as_mut().reset(tokio::time::Instant::now() + far(random)),
                (_, None) => *slot = Some(timer(random).await),
            }
            live += u64::from(was_live);
        }
        live
    };
    let (elapsed, live) = crate::runtime(job.procs).block_on(async move {
        let start = Instant::now();
        let all: Vec<_> = (0..procs).map(|seed| spawn(one(seed))).collect();
        let mut live = 0;
        for task in all {
            live += task.await.expect("no panic");
        }
        (start.elapsed(), live)
    });
    Outcome { values: vec![each(elapsed, mine)], check: live }
}

/// Sleepers beside tasks that pass messages all the time; how late they wake up.
pub fn late(job: &Job) -> Outcome {
    let (procs, sleeps) = (job.procs, job.size / SLEEPERS);
    let late = crate::runtime(procs).block_on(async move {
        let body = async move {
            let stop = Arc::new(AtomicBool::new(false));
            let pairs: Vec<_> = (0..2 * procs).map(|_| spawn(pair(Arc::clone(&stop)))).collect();
            let sleepers: Vec<_> = (0..SLEEPERS)
                .map(|i| {
                    spawn(async move {
                        let mut late = Vec::new();
                        for n in 0..sleeps {
                            late.push(lateness(nap(i, n)).await);
                        }
                        late
                    })
                })
                .collect();
            let mut late = Vec::new();
            for sleeper in sleepers {
                late.extend(sleeper.await.expect("no panic"));
            }
            // Relaxed: nothing but the flag is passed.
            stop.store(true, Ordering::Relaxed);
            for pair in pairs {
                pair.await.expect("no panic");
            }
            late
        };
        spawn(body).await.expect("no panic")
    });
    Outcome::p50_p99(&late)
}

/// Two tasks that pass a message back and forth.
async fn pair(stop: Arc<AtomicBool>) {
    let (ping, mut pinged) = channel::<u64>(1);
    let (pong, mut ponged) = channel::<u64>(1);
    let echo = spawn(async move {
        while let Some(n) = pinged.recv().await {
            pong.send(n).await.expect("a reader");
        }
    });
    // Relaxed: nothing but the flag is passed.
    while !stop.load(Ordering::Relaxed) {
        ping.send(1).await.expect("an echo");
        ponged.recv().await.expect("an echo");
    }
    drop(ping);
    echo.await.expect("no panic");
}

async fn lateness(length: Duration) -> f64 {
    let begin = Instant::now();
    sleep(length).await;
    gmp_bench_contract::timers::late(begin.elapsed(), length)
}
