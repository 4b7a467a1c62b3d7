//! GOMAXPROCS changes while everything runs, and nothing is lost.

mod common;
#[path = "common/yielders.rs"]
mod yielders;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{go, on};
use gmp_sched::{
    Claim, WaitReason, Waiter, gomaxprocs, num_goroutine, park_until, set_gomaxprocs, yield_now,
};
use yielders::Yielders;

#[test]
fn goroutines_survive_every_change() {
    on(2, || {
        let stop = Arc::new(AtomicBool::new(false));
        let steps = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..200)
            .map(|_| {
                let (stop, steps) = (stop.clone(), steps.clone());
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        steps.fetch_add(1, Ordering::Relaxed);
                        yield_now();
                        go(yield_now).join().unwrap();
                    }
                })
            })
            .collect();
        let mut expected = 2;
        for n in [1, 8, 3, 64, 1, 2, 16, 5, 1, 4].into_iter().cycle().take(60) {
            assert_eq!(set_gomaxprocs(n), expected);
            assert_eq!(gomaxprocs(), n);
            expected = n;
            let before = steps.load(Ordering::Relaxed);
            while steps.load(Ordering::Relaxed) < before + 500 {
                yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|w| w.join().unwrap());
        assert_eq!(num_goroutine(), 1);
    });
}

/// Sleeps by a timed park that nobody else ends.
fn sleep(d: Duration) {
    let claim = Claim::new();
    // SAFETY: the waiter is the caller; nobody else knows of it.
    unsafe { park_until(Waiter::current(), WaitReason::Sleep, Instant::now() + d, &claim, || ()) };
}

/// A sleeper's timer is in the heap of the processor it fell asleep on; it wakes up although that one is out of service
/// by then, whether the others idle or never stop to look for work.
#[test]
fn sleepers_of_a_processor_out_of_service_wake_up() {
    for busy in [false, true] {
        on(8, move || {
            let asleep = Arc::new(AtomicUsize::new(0));
            let sleepers: Vec<_> = (0..800)
                .map(|i| {
                    let asleep = asleep.clone();
                    go(move || {
                        // Long enough for the others to take some of them over.
                        (0..20).for_each(|_| yield_now());
                        asleep.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(20 + i % 20));
                    })
                })
                .collect();
            while asleep.load(Ordering::Relaxed) < 800 {
                yield_now();
            }
            set_gomaxprocs(1);
            let others = Yielders::start(if busy { 4 } else { 0 });
            sleepers.into_iter().for_each(|s| s.join().unwrap());
            others.finish();
        });
    }
}
