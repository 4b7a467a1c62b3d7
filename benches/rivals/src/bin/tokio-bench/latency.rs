//! How late sleeping tasks wake up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp_bench_contract::{Job, Outcome};
use tokio::spawn;
use tokio::time::sleep;

pub async fn sleeps(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let handles: Vec<_> = (0..n)
        .map(|i| {
            spawn(async move {
                let length = i % 50 + 1;
                let begin = Instant::now();
                sleep(Duration::from_millis(length)).await;
                assert!(begin.elapsed() >= Duration::from_millis(length), "a sleep ended early");
                length
            })
        })
        .collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("no panic");
    }
    (start.elapsed(), sum)
}

/// The blocking calls are declared with `block_in_place`: undeclared ones stall their worker.
pub fn blocking(job: &Job) -> Outcome {
    let (procs, n) = (job.procs, job.size);
    let late = crate::runtime(procs).block_on(async {
        spawn(async move {
            let stop = Arc::new(AtomicBool::new(false));
            let sleepers: Vec<_> = (0..2 * procs)
                .map(|_| {
                    let stop = Arc::clone(&stop);
                    spawn(async move {
                        // Relaxed: nothing but the flag is passed.
                        while !stop.load(Ordering::Relaxed) {
                            tokio::task::block_in_place(|| {
                                std::thread::sleep(Duration::from_millis(20));
                            });
                        }
                    })
                })
                .collect();
            let mut late = Vec::new();
            for _ in 0..n {
                let begin = Instant::now();
                sleep(Duration::from_millis(1)).await;
                late.push(begin.elapsed().as_secs_f64() * 1e3 - 1.0);
            }
            stop.store(true, Ordering::Relaxed);
            for sleeper in sleepers {
                sleeper.await.expect("no panic");
            }
            late
        })
        .await
        .expect("no panic")
    });
    Outcome::p50_p99(&late)
}
