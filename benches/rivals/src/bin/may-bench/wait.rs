//! Channels, a lock, a ring, sleeps, parking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp_bench_contract::procfs::resident_and_page_tables;
use gmp_bench_contract::{Job, Outcome};
use may::coroutine::{sleep, yield_now};
use may::go;
use may::sync::{Mutex, mpmc, mpsc};

pub fn pingpong(n: u64) -> (Duration, u64) {
    let (ping, ping_rx) = mpsc::channel();
    let (pong, pong_rx) = mpsc::channel();
    go!(move || {
        while let Ok(i) = ping_rx.recv() {
            pong.send(i + 1).expect("somebody waits");
        }
    });
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        ping.send(i).expect("the other side lives");
        sum += pong_rx.recv().expect("an answer");
    }
    (start.elapsed(), sum)
}

pub fn mutex(k: u64, n: u64) -> (Duration, u64) {
    let counter = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..k)
        .map(|_| {
            let counter = Arc::clone(&counter);
            go!(move || {
                for _ in 0..n / k {
                    *counter.lock().expect("no panic") += 1;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().expect("no panic");
    }
    let elapsed = start.elapsed();
    (elapsed, *counter.lock().expect("no panic"))
}

pub fn ring_503(n: u64) -> (Duration, u64) {
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..503).map(|_| mpsc::channel::<u64>()).unzip();
    let (last, result) = mpsc::channel();
    let first = senders[0].clone();
    senders.rotate_left(1);
    for (i, (rx, next)) in (0..).zip(receivers.into_iter().zip(senders)) {
        let last = last.clone();
        go!(move || {
            while let Ok(token) = rx.recv() {
                if token == 0 {
                    last.send(i).expect("the caller waits");
                    return;
                }
                // After the end the next place is gone.
                if next.send(token - 1).is_err() {
                    return;
                }
            }
        });
    }
    let start = Instant::now();
    first.send(n).expect("the first place lives");
    let place = result.recv().expect("the last place answers");
    (start.elapsed(), place)
}

pub fn sleeps(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let handles: Vec<_> = (0..n)
        .map(|i| {
            go!(move || {
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

pub fn parked(job: &Job) -> Outcome {
    may::config().set_workers(job.procs);
    let n = job.size;
    go!(move || {
        let before = resident_and_page_tables();
        let (gate, wait) = mpmc::channel::<()>();
        let arrived = Arc::new(AtomicU64::new(0));
        let mut handles = Vec::with_capacity(n as usize);
        let start = Instant::now();
        for _ in 0..n {
            let (wait, arrived) = (wait.clone(), Arc::clone(&arrived));
            handles.push(go!(move || {
                // Relaxed: only counted; the channel orders the rest.
                arrived.fetch_add(1, Ordering::Relaxed);
                assert!(wait.recv().is_err(), "nothing is ever sent");
            }));
        }
        while arrived.load(Ordering::Relaxed) < n {
            yield_now();
        }
        let elapsed = start.elapsed();
        let bytes = (resident_and_page_tables() - before) as f64 / n as f64;
        drop(gate);
        let mut left = 0;
        for handle in handles {
            handle.join().expect("no panic");
            left += 1;
        }
        let values = vec![bytes, elapsed.as_secs_f64() * 1e9 / n as f64];
        Outcome { values, check: left }
    })
    .join()
    .expect("no panic")
}
