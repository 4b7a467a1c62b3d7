//! flume's channels between tokio tasks.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use gmp_bench_contract::{Entry, Job, Outcome, run};
use tokio::spawn;

fn main() -> ExitCode {
    run(
        "flume",
        &[
            Entry::Run("pingpong", |job| timed(job, |n| async move { pingpong(n).await })),
            Entry::Run("chan_1to1", |job| timed(job, |n| crowd(1, 100, n))),
            Entry::Run("chan_100to100", |job| timed(job, |n| crowd(100, 128, n))),
        ],
    )
}

fn timed<F>(job: &Job, body: impl Fn(u64) -> F) -> Outcome
where
    F: Future<Output = (Duration, u64)> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(job.procs)
        .build()
        .expect("threads for the runtime");
    job.timed(|n| runtime.block_on(async { spawn(body(n)).await.expect("no panic") }))
}

async fn pingpong(n: u64) -> (Duration, u64) {
    let (ping, ping_rx) = flume::bounded(0);
    let (pong, pong_rx) = flume::bounded(0);
    spawn(async move {
        while let Ok(i) = ping_rx.recv_async().await {
            let i: u64 = i;
            pong.send_async(i + 1).await.expect("somebody waits");
        }
    });
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        ping.send_async(i).await.expect("the other side lives");
        sum += pong_rx.recv_async().await.expect("an answer");
    }
    (start.elapsed(), sum)
}

async fn crowd(k: u64, capacity: usize, n: u64) -> (Duration, u64) {
    let (tx, rx) = flume::bounded(capacity);
    let start = Instant::now();
    let receivers: Vec<_> = (0..k)
        .map(|_| {
            let rx = rx.clone();
            spawn(async move {
                let mut sum: u64 = 0;
                while let Ok(message) = rx.recv_async().await {
                    sum += message;
                }
                sum
            })
        })
        .collect();
    for _ in 0..k {
        let tx = tx.clone();
        spawn(async move {
            for i in 0..n / k {
                tx.send_async(i).await.expect("the receivers live");
            }
        });
    }
    drop(tx);
    let mut sum = 0;
    for receiver in receivers {
        sum += receiver.await.expect("no panic");
    }
    (start.elapsed(), sum)
}
