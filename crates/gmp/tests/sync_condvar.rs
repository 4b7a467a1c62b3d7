//! `Condvar`: nothing lost, nothing spurious, timeouts told apart (go.md 1.6, Cond).

mod sync_common;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::sync::{Condvar, Mutex};
use sync_common::{Random, until, with_all_parties};

/// Promises Y12, Y16.
#[test]
fn a_queue_passes_everything_on() {
    const EACH: usize = 2_000;
    with_all_parties(|parties| {
        let queue = Arc::new((Mutex::new(VecDeque::new()), Condvar::new(), Condvar::new()));
        let sums = parties.all(8, move |i| {
            let (items, not_empty, not_full) = &*queue;
            let mut sum = 0;
            for n in 0..EACH {
                let mut items = items.lock();
                if i < 4 {
                    not_full.wait_while(&mut items, |items| items.len() == 3);
                    items.push_back(n);
                    not_empty.notify_one();
                } else {
                    not_empty.wait_while(&mut items, |items| items.is_empty());
                    sum += items.pop_front().unwrap();
                    drop(items);
                    not_full.notify_one();
                }
            }
            sum
        });
        assert_eq!(sums.iter().sum::<usize>(), 4 * EACH * (EACH - 1) / 2);
    });
}

/// Promise Y14.
#[test]
fn notify_all_reaches_everybody() {
    with_all_parties(|parties| {
        let gate = Arc::new((Mutex::new((0, false)), Condvar::new()));
        let mine = Arc::clone(&gate);
        let opener = parties.start(0, move || {
            until(|| mine.0.lock().0 == 10);
            mine.0.lock().1 = true;
            mine.1.notify_all();
        });
        parties.all(10, move |_| {
            let mut state = gate.0.lock();
            state.0 += 1;
            gate.1.wait_while(&mut state, |state| !state.1);
        });
        opener.join().unwrap();
    });
}

/// Promise Y15.
#[test]
fn a_wait_without_notification_takes_its_time_and_says_so() {
    with_all_parties(|parties| {
        parties.all(2, |_| {
            let pair = (Mutex::new(()), Condvar::new());
            let mut guard = pair.0.lock();
            for d in [Duration::ZERO, Duration::from_millis(3)] {
                let since = Instant::now();
                assert!(!pair.1.wait_for(&mut guard, d));
                assert!(since.elapsed() >= d);
            }
            assert!(pair.0.try_lock().is_none(), "the mutex is held again");
        });
    });
}

#[test]
fn a_notified_wait_says_so_even_with_a_huge_timeout() {
    with_all_parties(|parties| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let mine = Arc::clone(&pair);
        let waiter = parties.start(1, move || {
            let mut flag = mine.0.lock();
            let notified = mine.1.wait_for(&mut flag, Duration::MAX);
            notified && *flag
        });
        until(|| {
            *pair.0.lock() = true;
            pair.1.notify_one()
        });
        assert!(waiter.join().unwrap());
    });
}

/// As many waits end notified as there were notifications that found a waiter, whatever the clock does.
/// Promise Y15.
#[test]
fn notifications_and_timeouts_are_exact() {
    with_all_parties(|parties| {
        let pair = Arc::new((Mutex::new(()), Condvar::new(), AtomicUsize::new(4)));
        let mine = Arc::clone(&pair);
        let notifier = parties.start(1, move || {
            let mut found = 0;
            while mine.2.load(Ordering::Relaxed) > 0 {
                found += usize::from(mine.1.notify_one());
                gmp::yield_now();
            }
            found
        });
        let notified = parties.all(4, move |i| {
            let mut random = Random(i as u64);
            let mut notified = 0;
            for _ in 0..300 {
                let d = Duration::from_micros(random.below(60));
                notified += usize::from(pair.1.wait_for(&mut pair.0.lock(), d));
            }
            pair.2.fetch_sub(1, Ordering::Relaxed);
            notified
        });
        assert_eq!(notifier.join().unwrap(), notified.iter().sum::<usize>());
    });
}

#[test]
fn a_panic_in_a_wait_loop_leaves_the_mutex_usable() {
    let pair = (Mutex::new(0), Condvar::new());
    let result = catch_unwind(AssertUnwindSafe(|| {
        pair.1.wait_while(&mut pair.0.lock(), |_| resume_unwind(Box::new("on purpose")));
    }));
    assert!(result.is_err());
    assert!(pair.0.try_lock().is_some());
}
