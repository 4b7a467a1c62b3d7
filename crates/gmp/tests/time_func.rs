//! Timers that run a function (go.md 1.8: T3, T4).

mod sync_common;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::sync::Semaphore;
use gmp::time::{Timer, sleep};
use sync_common::{Random, goroutine, until};

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

fn counter() -> (Arc<AtomicUsize>, impl FnMut() + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let mine = Arc::clone(&count);
    let bump = move || {
        mine.fetch_add(1, Ordering::Relaxed);
    };
    (count, bump)
}

#[test]
fn t4_it_runs_once_in_its_own_goroutine_and_not_early() {
    goroutine(|| {
        let since = Instant::now();
        let (count, bump) = counter();
        let timer = Timer::after_func(SHORT, bump);
        until(|| count.load(Ordering::Relaxed) == 1);
        assert!(since.elapsed() >= SHORT);
        assert!(!timer.stop());
        assert!(timer.receiver().try_recv().is_err());
        sleep(2 * SHORT);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn t4_stop_prevents_it_and_does_not_wait_for_it() {
    goroutine(|| {
        let (count, bump) = counter();
        let timer = Timer::after_func(SHORT, bump);
        assert!(timer.stop());
        assert!(!timer.stop());
        let gate = Arc::new(Semaphore::new(0));
        let (mine, started) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
        let begun = Arc::clone(&started);
        let running = Timer::after_func(Duration::ZERO, move || {
            begun.fetch_add(1, Ordering::Relaxed);
            mine.acquire(1).forget();
        });
        until(|| started.load(Ordering::Relaxed) == 1);
        assert!(!running.stop());
        gate.release(1);
        sleep(2 * SHORT);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_reset_runs_it_again() {
    goroutine(|| {
        let (count, bump) = counter();
        let timer = Timer::after_func(LONG, bump);
        assert!(timer.reset(SHORT));
        until(|| count.load(Ordering::Relaxed) == 1);
        assert!(!timer.reset(Duration::ZERO));
        until(|| count.load(Ordering::Relaxed) == 2);
    });
}

#[test]
fn a_reset_runs_it_again_after_a_panic() {
    goroutine(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let mine = Arc::clone(&count);
        let timer = Timer::after_func(Duration::ZERO, move || {
            mine.fetch_add(1, Ordering::Relaxed);
            resume_unwind(Box::new("on purpose"));
        });
        until(|| count.load(Ordering::Relaxed) == 1);
        timer.reset(Duration::ZERO);
        until(|| count.load(Ordering::Relaxed) == 2);
    });
}

#[test]
fn dropping_the_handle_stops_nothing() {
    goroutine(|| {
        let (count, bump) = counter();
        drop(Timer::after_func(SHORT, bump));
        until(|| count.load(Ordering::Relaxed) == 1);
    });
}

/// Exact under races: a stop that says true and a run exclude each other, and one of them happens.
#[test]
fn t3_stop_and_run_race_exactly() {
    goroutine(|| {
        let mut random = Random(5);
        for _ in 0..300 {
            let (count, bump) = counter();
            let timer = Timer::after_func(Duration::from_micros(random.below(200)), bump);
            sleep(Duration::from_micros(random.below(200)));
            if timer.stop() {
                drop(timer);
                // The function has been dropped: it cannot run any more.
                until(|| Arc::strong_count(&count) == 1);
                assert_eq!(count.load(Ordering::Relaxed), 0);
            } else {
                until(|| count.load(Ordering::Relaxed) == 1);
            }
        }
    });
}
