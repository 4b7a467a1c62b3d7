//! Timed waits end in time, never early, and only once.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{go, on};
use gmp_sched::{Claim, WaitReason, Waiter, num_goroutine, park_until, spawn_at, yield_now};

/// Sleeps by a timed park that nobody else ends.
fn sleep(d: Duration) {
    let claim = Claim::new();
    // SAFETY: the waiter is the caller; nobody else knows of it.
    unsafe { park_until(Waiter::current(), WaitReason::Sleep, Instant::now() + d, &claim, || ()) };
    assert_eq!(claim.winner(), Claim::TIMED_OUT);
}

#[test]
fn ten_thousand_sleeps_end_and_none_is_early() {
    for procs in [1, 2, 4] {
        on(procs, || {
            let begun = Instant::now();
            let handles: Vec<_> = (0..10_000u64)
                .map(|i| {
                    go(move || {
                        let d = Duration::from_micros(1_000 + i * 37 % 20_000);
                        let begun = Instant::now();
                        sleep(d);
                        assert!(begun.elapsed() >= d, "woke early");
                    })
                })
                .collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
            assert!(begun.elapsed() < Duration::from_secs(5));
        });
    }
}

#[test]
fn a_plain_thread_sleeps_too() {
    let begun = Instant::now();
    sleep(Duration::from_millis(5));
    assert!(begun.elapsed() >= Duration::from_millis(5));
}

#[test]
fn a_delayed_goroutine_starts_once_or_is_cancelled() {
    on(2, || {
        let started = Arc::new(AtomicUsize::new(0));
        let mut cancelled = 0;
        for i in 0..2_000u64 {
            let started = started.clone();
            let delayed = spawn_at(Instant::now() + Duration::from_micros(i % 50), move || {
                started.fetch_add(1, Ordering::Relaxed);
            });
            if i % 3 == 0 {
                sleep(Duration::from_micros(i % 70));
            }
            if i % 2 == 0 {
                cancelled += usize::from(delayed.cancel());
                assert!(!delayed.cancel());
            }
        }
        let patience = Instant::now() + Duration::from_secs(10);
        while started.load(Ordering::Relaxed) + cancelled < 2_000 && Instant::now() < patience {
            yield_now();
        }
        // Whoever started although cancelled would show up by now.
        sleep(Duration::from_millis(2));
        while num_goroutine() > 1 {
            yield_now();
        }
        assert_eq!(started.load(Ordering::Relaxed) + cancelled, 2_000);
    });
}
