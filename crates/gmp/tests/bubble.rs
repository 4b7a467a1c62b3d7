//! Bubbles: time jumps when everybody waits for everybody. The rules of Go's synctest (research/go.md, D12).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::testing::{bubble, wait};
use gmp::{chan, time};

const HOUR: Duration = Duration::from_secs(3600);

/// Runs `f` in a bubble and returns the time that passed inside; outside it must be next to nothing.
fn passed(f: impl FnOnce() + Send + 'static) -> Duration {
    let real = Instant::now();
    let inside = bubble(move || {
        let start = time::now();
        f();
        time::now() - start
    });
    assert!(real.elapsed() < HOUR / 60, "the time was really waited for");
    inside
}

#[gmp::test(unsafe)]
fn sleeps_jump_and_overlap() {
    assert_eq!(passed(|| time::sleep(HOUR)), HOUR);
    let overlapping = || {
        let all: Vec<_> = (1..=10).map(|i| gmp::go(move || time::sleep(HOUR * i))).collect();
        all.into_iter().for_each(|h| h.join().unwrap());
    };
    assert_eq!(passed(overlapping), HOUR * 10);
}

#[gmp::test(unsafe)]
fn the_order_is_that_of_the_clock() {
    let order = bubble(|| {
        let (tx, rx) = chan::unbounded();
        for i in [3_u32, 1, 2] {
            let tx = tx.clone();
            gmp::go(move || {
                time::sleep(HOUR * i);
                tx.send(i).unwrap();
            });
        }
        drop(tx);
        rx.iter().collect::<Vec<_>>()
    });
    assert_eq!(order, [1, 2, 3]);
}

/// Promise T12.
#[gmp::test(unsafe)]
fn timers_tickers_timeouts_and_selects_go_by_it() {
    let ticks = passed(|| {
        let ticker = time::Ticker::new(HOUR);
        (0..24).for_each(|_| assert!(ticker.receiver().recv().is_ok()));
        ticker.stop();
    });
    assert_eq!(ticks, HOUR * 24);
    let select = passed(|| {
        let (_tx, rx) = chan::bounded::<()>(0);
        gmp::select! {
            recv(rx) -> _ => unreachable!("nobody sends"),
            recv(time::after(HOUR)) -> _ => {}
        }
        assert!(rx.recv_timeout(HOUR).is_err());
    });
    assert_eq!(select, HOUR * 2);
}

#[gmp::test(unsafe)]
fn functions_of_timers_run_inside() {
    let ran = Arc::new(AtomicUsize::new(0));
    let (mine, theirs) = (ran.clone(), ran.clone());
    bubble(move || {
        let count = mine.clone();
        let timer = time::Timer::after_func(HOUR, move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        time::sleep(HOUR * 2);
        wait();
        assert_eq!(mine.load(Ordering::Relaxed), 1);
        assert!(!timer.stop());
    });
    assert_eq!(theirs.load(Ordering::Relaxed), 1);
}

#[gmp::test(unsafe)]
fn contexts_expire_by_it() {
    let d = passed(|| {
        let (context, _cancel) = gmp::context::Context::background().with_timeout(HOUR);
        let _ = context.done().recv();
        assert!(context.err().is_some());
    });
    assert_eq!(d, HOUR);
}

#[gmp::test(unsafe)]
fn wait_returns_when_the_others_are_blocked() {
    bubble(|| {
        let done = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan::bounded::<()>(0);
        for _ in 0..100 {
            let (done, rx) = (done.clone(), rx.clone());
            gmp::go(move || {
                (0..10).for_each(|_| gmp::yield_now());
                done.fetch_add(1, Ordering::Relaxed);
                let _ = rx.recv();
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        wait();
        assert_eq!(done.load(Ordering::Relaxed), 100);
        drop(tx);
        wait();
        assert_eq!(done.load(Ordering::Relaxed), 200);
    });
}

#[gmp::test(unsafe)]
fn a_mutex_is_not_durable() {
    let mutex = Arc::new(gmp::sync::Mutex::new(()));
    let taken = Arc::new(AtomicUsize::new(0));
    let held = mutex.clone();
    let (locked, is_locked) = chan::bounded::<()>(0);
    // Outside the bubble: holds the mutex until somebody inside waits for it.
    let outside = gmp::go(move || {
        let _guard = held.lock();
        locked.send(()).unwrap();
        while !gmp::testing::leaked().iter().any(|g| g.state == "sync.Mutex.Lock") {
            gmp::yield_now();
        }
    });
    is_locked.recv().unwrap();
    bubble(move || {
        let flag = taken.clone();
        gmp::go(move || {
            let _guard = mutex.lock();
            flag.store(1, Ordering::Relaxed);
        });
        time::sleep(HOUR);
        // Time stood still until the mutex was taken.
        assert_eq!(taken.load(Ordering::Relaxed), 1);
    });
    outside.join().unwrap();
}
