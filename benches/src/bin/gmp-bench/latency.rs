//! How late sleeping goroutines wake up, alone and beside others that compute or block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp::go;
use gmp::time::sleep;
use gmp_bench_contract::{Job, Outcome, xorshift};

/// `n` goroutines sleep 1 to 50 ms.
pub(crate) fn sleeps(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let handles: Vec<_> = (0..n)
        .map(|i| {
            go(move || {
                let length = i % 50 + 1;
                let begin = Instant::now();
                sleep(Duration::from_millis(length));
                assert!(begin.elapsed() >= Duration::from_millis(length), "a sleep ended early");
                length
            })
        })
        .collect();
    let sum = handles.into_iter().map(|handle| handle.join().expect("no panic")).sum();
    (start.elapsed(), sum)
}

/// Length of sleeps of 1 ms while two spinning goroutines per processor compute.
pub(crate) fn hogs(job: &Job) -> Outcome {
    beside(job, 0.0, |i, stop| {
        let mut x = i + 1;
        // Relaxed: nothing but the flag is passed.
        while !stop.load(Ordering::Relaxed) {
            x = xorshift(x, 1 << 16);
        }
        assert_ne!(x, 0, "xorshift never reaches zero");
    })
}

/// Lateness of sleeps of 1 ms while two goroutines per processor block their threads for 20 ms at a
/// time, in a call that the runtime has not been told of.
pub(crate) fn blocking(job: &Job) -> Outcome {
    beside(job, 1.0, |_, stop| {
        // Relaxed: nothing but the flag is passed.
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

/// Sleeps of 1 ms in this goroutine while 2 x procs others run `other`; their length less `minus`.
fn beside(job: &Job, minus: f64, other: fn(u64, &AtomicBool)) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..2 * job.procs as u64)
        .map(|i| {
            let stop = Arc::clone(&stop);
            go(move || other(i, &stop))
        })
        .collect();
    let lengths: Vec<f64> = (0..job.size)
        .map(|_| {
            let begin = Instant::now();
            sleep(Duration::from_millis(1));
            let length = begin.elapsed();
            assert!(length >= Duration::from_millis(1), "a sleep ended early");
            length.as_secs_f64() * 1e3 - minus
        })
        .collect();
    // Relaxed: nothing but the flag is passed.
    stop.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
    Outcome::p50_p99(&lengths)
}
