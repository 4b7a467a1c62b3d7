//! Sleeping (go.md 1.8: T1, T9).

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sync_common::{Random, goroutine, until, with_all_parties};

#[test]
fn t1_a_sleep_is_never_short() {
    with_all_parties(|parties| {
        parties.all(20, |i| {
            let mut random = Random(i as u64);
            for _ in 0..20 {
                let d = Duration::from_micros(random.below(2_000));
                let since = Instant::now();
                gmp::time::sleep(d);
                assert!(since.elapsed() >= d);
            }
        });
    });
}

#[test]
fn t1_nothing_to_sleep_returns_at_once() {
    let since = Instant::now();
    gmp::time::sleep(Duration::ZERO);
    gmp::time::sleep_until(since);
    assert!(since.elapsed() < Duration::from_secs(1));
}

#[test]
fn t1_an_endless_sleep_does_not_end() {
    goroutine(|| {
        let woken = Arc::new(AtomicUsize::new(0));
        for d in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40)] {
            let woken = Arc::clone(&woken);
            gmp::go(move || {
                gmp::time::sleep(d);
                woken.fetch_add(1, Ordering::Relaxed);
            });
        }
        let since = Instant::now();
        until(|| since.elapsed() > Duration::from_millis(20));
        assert_eq!(woken.load(Ordering::Relaxed), 0);
    });
}

/// Promise T10.
#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    goroutine(|| {
        let handles: Vec<_> = (0..50u64)
            .map(|i| {
                let deadline = Instant::now() + Duration::from_millis(1 + i * 7 % 50);
                gmp::go(move || {
                    gmp::time::sleep_until(deadline);
                    (deadline, Instant::now())
                })
            })
            .collect();
        for handle in handles {
            let (deadline, woken) = handle.join().unwrap();
            assert!(woken >= deadline);
            assert!(woken < deadline + Duration::from_secs(10));
        }
    });
}

#[test]
fn t9_now_never_goes_back() {
    let times: Vec<_> = (0..1_000).map(|_| gmp::time::now()).collect();
    assert!(times.is_sorted());
}
