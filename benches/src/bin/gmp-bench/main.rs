//! The workloads on gmp: `gmp-bench WORKLOAD [--procs P] [--size N]`.
//!
//! One group of workloads per file; what each does is described in `benches/README.md`, and its twins
//! in Go and on tokio do the same work.

mod channels;
mod coroutine;
mod latency;
mod memory;
mod network;
mod spawn;
mod timers;

use std::process::ExitCode;
use std::time::Duration;

use gmp::runtime::Builder;
use gmp_bench_contract::Entry::Run;
use gmp_bench_contract::{Job, Outcome, run};

fn main() -> ExitCode {
    run(
        "gmp",
        &[
            Run("switch", |job| job.timed(coroutine::switch)),
            Run("spawn_batch", |job| timed(job, spawn::batch)),
            Run("spawn_one", |job| timed(job, spawn::one)),
            Run("yield_2", |job| timed(job, |n| spawn::yields(2, n))),
            Run("yield_1000", |job| timed(job, |n| spawn::yields(1000, n))),
            Run("pingpong", |job| timed(job, channels::pingpong)),
            Run("chan_1to1", |job| timed(job, |n| channels::crowd(1, 100, n))),
            Run("chan_100to100", |job| timed(job, |n| channels::crowd(100, 128, n))),
            Run("select_4", |job| timed(job, channels::select_4)),
            Run("done_10k", |job| timed(job, channels::done_10k)),
            Run("mutex_8", |job| timed(job, |n| channels::mutex(8, n))),
            Run("mutex_64", |job| timed(job, |n| channels::mutex(64, n))),
            Run("mutex_1000", |job| timed(job, |n| channels::mutex(1_000, n))),
            Run("ring_503", |job| timed(job, channels::ring_503)),
            Run("skynet", |job| timed(job, spawn::skynet)),
            Run("fib", |job| timed(job, spawn::fib)),
            Run("fork_work", |job| timed(job, spawn::fork_work)),
            Run("sleeps", |job| timed(job, latency::sleeps)),
            Run("timers_armed", |job| goroutine(job, Builder::new(), timers::armed)),
            Run("timers_churn", |job| goroutine(job, Builder::new(), timers::churn)),
            Run("timers_late", |job| goroutine(job, Builder::new(), timers::late)),
            Run("parked", |job| goroutine(job, Builder::new(), memory::parked)),
            Run("parked_64k", |job| {
                goroutine(job, Builder::new().stack_size(64 << 10), memory::parked)
            }),
            Run("hogs", |job| goroutine(job, Builder::new(), latency::hogs)),
            Run("blocking", |job| goroutine(job, Builder::new(), latency::blocking)),
            Run("echo", |job| timed(job, network::echo)),
            Run("http", |job| goroutine(job, Builder::new(), network::http)),
            Run("idle", |job| goroutine(job, Builder::new(), memory::idle)),
        ],
    )
}

/// Warm-up and measured run in one main goroutine.
fn timed(job: &Job, body: fn(u64) -> (Duration, u64)) -> Outcome {
    goroutine(job, Builder::new(), move |job| job.timed(body))
}

/// Runs `body` as the main goroutine of a runtime with `job.procs` processors.
fn goroutine(job: &Job, builder: Builder, body: impl FnOnce(&Job) -> Outcome + Send) -> Outcome {
    let job = *job;
    // SAFETY: the one contract — nothing here keeps a thread-local over a call that parks.
    unsafe { builder.max_procs(job.procs).run(move || body(&job)) }
}
