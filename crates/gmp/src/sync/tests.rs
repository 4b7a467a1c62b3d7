//! What depends on who is parked already: the queues can be looked at from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// Runs `body` as the main goroutine.
fn goroutine<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    // SAFETY: no test keeps a thread-local over a park.
    unsafe { crate::run(body) }
}

/// Polls until `condition` holds.
#[track_caller]
fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        crate::yield_now();
    }
}

/// Starts `n` goroutines one after the other, each when its predecessor is `parked`, and gives the order in
/// which they came through `wait` after `release`.
fn order_of(
    n: usize,
    parked: impl Fn() -> usize,
    wait: impl Fn(usize) + Send + Sync + Clone + 'static,
    release: impl FnOnce(),
) -> Vec<usize> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut handles = Vec::new();
    for i in 0..n {
        let (order, wait) = (Arc::clone(&order), wait.clone());
        handles.push(crate::go(move || {
            wait(i);
            order.lock().push(i);
        }));
        until(|| parked() == i + 1);
    }
    release();
    handles.into_iter().for_each(|h| h.join().unwrap());
    Arc::into_inner(order).unwrap().into_inner()
}

/// Promise Y2.
#[test]
fn mutex_waiters_come_in_order() {
    goroutine(|| {
        let m = Arc::new(Mutex::new(Vec::new()));
        let guard = m.lock();
        let mine = Arc::clone(&m);
        order_of(8, || m.raw.parked(), move |i| mine.lock().push(i), || drop(guard));
        assert_eq!(*m.lock(), [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

/// Promise Y2.
#[test]
fn a_late_waiter_is_handed_the_mutex() {
    goroutine(|| {
        let m = Arc::new(Mutex::new(0));
        let mut guard = m.lock();
        let late = crate::go({
            let m = Arc::clone(&m);
            move || *m.lock() += 1
        });
        until(|| m.raw.parked() == 1);
        let parked = Instant::now();
        until(|| parked.elapsed() > Duration::from_millis(2));
        // It loses against this goroutine, which takes the mutex again at once, until it has had enough.
        while !m.raw.is_starving() {
            drop(guard);
            guard = m.lock();
            let unfair = Instant::now();
            until(|| {
                m.raw.is_starving() || *guard == 1 || unfair.elapsed() > Duration::from_millis(5)
            });
            if *guard == 1 {
                // It was quick enough to win without any help, which is as well.
                return late.join().unwrap();
            }
        }
        drop(guard);
        assert!(m.try_lock().is_none_or(|now| *now == 1), "it was overtaken after it had starved");
        late.join().unwrap();
        until(|| !m.raw.is_starving());
        assert_eq!(*m.lock(), 1);
    });
}

#[test]
fn mutex_is_small() {
    assert!(size_of::<Mutex<()>>() <= 32, "{}", size_of::<Mutex<()>>());
    assert!(size_of::<RwLock<()>>() <= 96, "{}", size_of::<RwLock<()>>());
}

/// Promise Y5.
#[test]
fn a_waiting_writer_stops_new_readers() {
    goroutine(|| {
        let lock = Arc::new(RwLock::new(0));
        let reader = lock.read();
        let writer = crate::go({
            let lock = Arc::clone(&lock);
            move || *lock.write() += 1
        });
        until(|| lock.raw.has_writer());
        assert!(lock.try_read().is_none());
        let late = crate::go({
            let lock = Arc::clone(&lock);
            move || *lock.read()
        });
        until(|| lock.raw.parked_readers() == 1);
        assert_eq!(*reader, 0);
        drop(reader);
        writer.join().unwrap();
        assert_eq!(late.join().unwrap(), 1);
    });
}

/// Promise Y6.
#[test]
fn a_leaving_writer_lets_waiting_readers_in_before_the_next_writer() {
    goroutine(|| {
        let lock = Arc::new(RwLock::new(0));
        let first = lock.write();
        let readers: Vec<_> = (0..3)
            .map(|i| {
                let mine = Arc::clone(&lock);
                let handle = crate::go(move || *mine.read());
                until(|| lock.raw.parked_readers() == i + 1);
                handle
            })
            .collect();
        let second = crate::go({
            let lock = Arc::clone(&lock);
            move || *lock.write() += 1
        });
        drop(first);
        let seen: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
        assert_eq!(seen, [0, 0, 0]);
        second.join().unwrap();
    });
}

/// Promise Y13.
#[test]
fn condvar_notifies_the_oldest_first() {
    goroutine(|| {
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let mine = Arc::clone(&pair);
        let wait = move |i: usize| {
            let mut turn = mine.0.lock();
            mine.1.wait(&mut turn);
            // Woken exactly when it is this one's turn: in ticket order, and not spuriously.
            assert_eq!(*turn, i);
            *turn += 1;
        };
        let order = order_of(
            8,
            || pair.1.parked(),
            wait,
            || {
                for turn in 0..8 {
                    assert!(pair.1.notify_one());
                    until(|| *pair.0.lock() == turn + 1);
                }
                assert!(!pair.1.notify_one());
            },
        );
        assert_eq!(order.len(), 8);
    });
}

/// Promise Y13.
#[test]
fn a_notification_is_not_spent_on_one_who_has_timed_out() {
    goroutine(|| {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        let timed = crate::go({
            let pair = Arc::clone(&pair);
            move || pair.1.wait_for(&mut pair.0.lock(), Duration::from_millis(2))
        });
        until(|| pair.1.parked() == 1);
        let patient = crate::go({
            let pair = Arc::clone(&pair);
            move || pair.1.wait(&mut pair.0.lock())
        });
        until(|| pair.1.parked() == 2 || timed.is_finished());
        // While the mutex is held, the timed one cannot come back; but its time is over.
        assert!(!timed.join().unwrap());
        until(|| pair.1.parked() == 1);
        assert!(pair.1.notify_one());
        patient.join().unwrap();
    });
}

/// Promise Y20.
#[test]
fn semaphore_is_first_come_first_served() {
    goroutine(|| {
        let s = Arc::new(Semaphore::new(3));
        let all = s.acquire(2);
        let mine = Arc::clone(&s);
        let turn = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&turn);
        // The first wants everything: the smaller ones behind it do not overtake it.
        let wait = move |i: usize| {
            let _permits = mine.acquire(if i == 0 { 3 } else { 1 });
            let place = seen.fetch_add(1, Ordering::Relaxed);
            assert!(i != 0 || place == 0);
        };
        order_of(
            4,
            || s.parked(),
            wait,
            || {
                assert_eq!(s.available(), 1);
                assert!(s.try_acquire(1).is_none(), "overtaken by a newcomer");
                drop(all);
            },
        );
        assert_eq!(s.available(), 3);
        assert_eq!(turn.load(Ordering::Relaxed), 4);
    });
}

/// Promise Y11.
#[test]
fn wait_group_waiters_go_on_at_their_own_zero() {
    goroutine(|| {
        let group = WaitGroup::new();
        for _ in 0..100 {
            group.add(1);
            let waiter = crate::go({
                let group = group.clone();
                move || group.wait()
            });
            until(|| group.parked() == 1);
            group.done();
            // Used again before the waiter is out.
            group.add(1);
            waiter.join().unwrap();
            group.done();
        }
    });
}

#[test]
fn those_who_wait_for_a_once_try_again_after_a_panic() {
    goroutine(|| {
        let once = Arc::new(Once::new());
        let (go_on, may_go_on) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let first = crate::go({
            let (once, go_on) = (Arc::clone(&once), Arc::clone(&go_on));
            move || {
                once.call_once(|| {
                    go_on.acquire(1).forget();
                    std::panic::resume_unwind(Box::new("first"));
                })
            }
        });
        until(|| go_on.parked() == 1);
        let second = crate::go({
            let (once, ran) = (Arc::clone(&once), Arc::clone(&may_go_on));
            move || {
                once.call_once(|| {
                    ran.fetch_add(1, Ordering::Relaxed);
                })
            }
        });
        until(|| once.parked() == 1);
        go_on.release(1);
        assert!(first.join().is_err());
        second.join().unwrap();
        assert!(once.is_completed());
        assert_eq!(may_go_on.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn barrier_lets_all_go_when_the_last_has_come() {
    goroutine(|| {
        let barrier = Arc::new(Barrier::new(4));
        let waiting: Vec<_> = (0..3)
            .map(|i| {
                let mine = Arc::clone(&barrier);
                let handle = crate::go(move || mine.wait().is_leader());
                until(|| barrier.parked() == i + 1);
                handle
            })
            .collect();
        assert!(waiting.iter().all(|h| !h.is_finished()));
        assert!(barrier.wait().is_leader());
        assert!(waiting.into_iter().all(|h| !h.join().unwrap()));
    });
}
