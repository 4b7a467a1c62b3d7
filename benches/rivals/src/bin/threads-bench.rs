//! Plain OS threads with crossbeam's channels and `parking_lot`'s locks: what the workloads cost without a
//! runtime. `--procs` is meaningless here, except for the count of hogs.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, spawn};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use gmp_bench_contract::Entry::Run;
use gmp_bench_contract::{Job, Outcome, run, xorshift};
use parking_lot::Mutex;

fn main() -> ExitCode {
    run(
        "threads",
        &[
            Run("chan_1to1", |job| job.timed(|n| crowd(1, 100, n))),
            Run("chan_100to100", |job| job.timed(|n| crowd(100, 128, n))),
            Run("select_4", |job| job.timed(select_4)),
            Run("mutex_8", |job| job.timed(|n| mutex(8, n))),
            Run("mutex_64", |job| job.timed(|n| mutex(64, n))),
            Run("mutex_1000", |job| job.timed(|n| mutex(1_000, n))),
            Run("hogs", |job| {
                beside(job, 0.0, |i, stop| {
                    let mut x = i + 1;
                    while !stop.load(Ordering::Relaxed) {
                        x = xorshift(x, 1 << 16);
                    }
                    assert_ne!(x, 0, "xorshift never reaches zero");
                })
            }),
            Run("blocking", |job| {
                beside(job, 1.0, |_, stop| {
                    while !stop.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(20));
                    }
                })
            }),
        ],
    )
}

fn crowd(k: u64, capacity: usize, n: u64) -> (Duration, u64) {
    let (tx, rx) = bounded(capacity);
    let start = Instant::now();
    let receivers: Vec<_> = (0..k)
        .map(|_| {
            let rx = rx.clone();
            spawn(move || rx.iter().sum::<u64>())
        })
        .collect();
    for _ in 0..k {
        let tx = tx.clone();
        spawn(move || (0..n / k).for_each(|i| tx.send(i).expect("the receivers live")));
    }
    drop(tx);
    let sum = receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).sum();
    (start.elapsed(), sum)
}

fn select_4(n: u64) -> (Duration, u64) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| bounded::<u64>(0)).unzip();
    let start = Instant::now();
    for (i, tx) in (0..).zip(senders) {
        spawn(move || (0..n / 4).for_each(|j| tx.send(j * 4 + i).expect("the receiver lives")));
    }
    let [a, b, c, d] = &receivers[..] else { unreachable!("four were made") };
    // A sender that is done leaves a channel that is always ready, which the select must not see.
    let never = crossbeam_channel::never();
    let (mut a, mut b, mut c, mut d) = (a, b, c, d);
    let mut sum = 0;
    let mut received = 0;
    while received < n {
        let message = crossbeam_channel::select! {
            recv(a) -> message => message.inspect_err(|_| a = &never),
            recv(b) -> message => message.inspect_err(|_| b = &never),
            recv(c) -> message => message.inspect_err(|_| c = &never),
            recv(d) -> message => message.inspect_err(|_| d = &never),
        };
        if let Ok(message) = message {
            sum += message;
            received += 1;
        }
    }
    (start.elapsed(), sum)
}

fn mutex(k: u64, n: u64) -> (Duration, u64) {
    let counter = Mutex::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..k {
            scope.spawn(|| {
                for _ in 0..n / k {
                    *counter.lock() += 1;
                }
            });
        }
    });
    (start.elapsed(), counter.into_inner())
}

/// Sleeps of 1 ms in this thread while 2 x procs others run `other`; their length less `minus`.
fn beside(job: &Job, minus: f64, other: fn(u64, &AtomicBool)) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..2 * job.procs as u64)
        .map(|i| {
            let stop = Arc::clone(&stop);
            spawn(move || other(i, &stop))
        })
        .collect();
    let lengths: Vec<f64> = (0..job.size)
        .map(|_| {
            let begin = Instant::now();
            thread::sleep(Duration::from_millis(1));
            begin.elapsed().as_secs_f64() * 1e3 - minus
        })
        .collect();
    // Relaxed: nothing but the flag is passed.
    stop.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
    Outcome::p50_p99(&lengths)
}
