//! The workloads on tokio's multi-threaded runtime.
//!
//! Every workload starts from a spawned task, because the thread of `block_on` is not a worker and
//! what it spawns takes a slower way.

mod channels;
mod latency;
mod memory;
mod network;
mod spawn;
mod timers;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use gmp_bench_contract::Entry::{Absent, Run};
use gmp_bench_contract::{Job, Outcome, run};

fn main() -> ExitCode {
    run(
        "tokio",
        &[
            Run("spawn_batch", |job| timed(job, spawn::batch)),
            Run("spawn_one", |job| timed(job, spawn::one)),
            Run("yield_2", |job| timed(job, |n| spawn::yields(2, n))),
            Run("yield_1000", |job| timed(job, |n| spawn::yields(1000, n))),
            Run("pingpong", |job| timed(job, channels::pingpong)),
            Run("chan_1to1", |job| timed(job, channels::one_to_one)),
            Run("chan_100to100", |job| timed(job, channels::crowd)),
            Run("select_4", |job| timed(job, channels::select_4)),
            Absent("done_10k", "tokio itself has no context; its tokens are another crate"),
            Run("mutex_8", |job| timed(job, |n| channels::mutex(8, n))),
            Run("mutex_64", |job| timed(job, |n| channels::mutex(64, n))),
            Run("mutex_1000", |job| timed(job, |n| channels::mutex(1_000, n))),
            Run("ring_503", |job| timed(job, channels::ring_503)),
            Run("skynet", |job| timed(job, spawn::skynet)),
            Run("fib", |job| timed(job, spawn::fib)),
            Run("fork_work", |job| timed(job, spawn::fork_work)),
            Run("sleeps", |job| timed(job, latency::sleeps)),
            Run("timers_armed", timers::armed),
            Run("timers_churn", timers::churn),
            Run("timers_late", timers::late),
            Run("parked", memory::parked),
            Absent("parked_64k", "a task has no stack"),
            Absent("hogs", "a task that computes on is never preempted: the sleeps would not end"),
            Run("blocking", latency::blocking),
            Run("echo", |job| timed(job, network::echo)),
            Absent("http", "see hyper"),
            Run("idle", memory::idle),
        ],
    )
}

/// Warm-up and measured run on one runtime.
fn timed<F>(job: &Job, body: impl Fn(u64) -> F) -> Outcome
where
    F: Future<Output = (Duration, u64)> + Send + 'static,
{
    let runtime = runtime(job.procs);
    job.timed(|n| runtime.block_on(async { tokio::spawn(body(n)).await.expect("no panic") }))
}

fn runtime(procs: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(procs)
        .enable_all()
        .build()
        .expect("threads for the runtime")
}
