//! The workloads on may's coroutines.
//!
//! Its sender and receiver block the coroutine as gmp's do. Its channels are all unbounded; where a
//! bound is what is measured the workload is absent.

mod network;
mod spawn;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use gmp_bench_contract::Entry::{Absent, Run};
use gmp_bench_contract::{Job, Outcome, run};

fn main() -> ExitCode {
    run(
        "may",
        &[
            Run("spawn_batch", |job| timed(job, spawn::batch)),
            Run("spawn_one", |job| timed(job, spawn::one)),
            Run("yield_2", |job| timed(job, |n| spawn::yields(2, n))),
            Run("yield_1000", |job| timed(job, |n| spawn::yields(1000, n))),
            Run("pingpong", |job| timed(job, wait::pingpong)),
            Absent("chan_1to1", "its channels have no bound"),
            Absent("chan_100to100", "its channels have no bound"),
            Absent("select_4", "its select spawns a coroutine per arm and per choice"),
            Absent("done_10k", "it has no contexts"),
            Run("mutex_8", |job| timed(job, |n| wait::mutex(8, n))),
            Run("mutex_64", |job| timed(job, |n| wait::mutex(64, n))),
            Run("mutex_1000", |job| timed(job, |n| wait::mutex(1_000, n))),
            Run("ring_503", |job| timed(job, wait::ring_503)),
            Run("skynet", |job| timed(job, spawn::skynet)),
            Run("fib", |job| timed(job, spawn::fib)),
            Run("fork_work", |job| timed(job, spawn::fork_work)),
            Run("sleeps", |job| timed(job, wait::sleeps)),
            Absent("timers_armed", "it has no timers beside sleeps"),
            Absent("timers_churn", "it has no timers beside sleeps"),
            Absent("timers_late", "measured with tokio and Go"),
            Run("parked", wait::parked),
            Absent("parked_64k", "see parked"),
            Absent("hogs", "a coroutine that computes on is never preempted"),
            Absent("blocking", "a blocking call stalls its worker"),
            Run("echo", |job| timed(job, network::echo)),
            Absent("http", "may itself has no HTTP"),
            Absent("idle", "measured with tokio and Go"),
        ],
    )
}

/// Warm-up and measured run, each from a coroutine.
fn timed(job: &Job, body: impl Fn(u64) -> (Duration, u64) + Copy + Send + 'static) -> Outcome {
    may::config().set_workers(job.procs);
    job.timed(|n| may::go!(move || body(n)).join().expect("no panic"))
}
