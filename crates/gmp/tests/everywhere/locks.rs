//! Locks, conditions, permits, and what happens once.

use std::sync::Arc;
use std::time::Duration;

use gmp::sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, Semaphore};

use super::{both, in_all_places};

/// The same party twice, with the number of its turn.
macro_rules! twice {
    ($a:expr, $b:expr, $shared:expr, $party:expr) => {{
        let (one, other) = (Arc::clone(&$shared), Arc::clone(&$shared));
        both(($a, move || $party(0, &*one)), ($b, move || $party(1, &*other)))
    }};
}

#[test]
fn a_mutex_excludes() {
    in_all_places(|a, b| {
        let count = Arc::new(Mutex::new(0));
        twice!(a, b, count, |_, count: &Mutex<u32>| {
            for _ in 0..50 {
                let mut count = count.lock();
                let seen = *count;
                gmp::yield_now();
                *count = seen + 1;
            }
        });
        assert_eq!(*count.lock(), 100, "{a:?} {b:?}");
    });
}

#[test]
fn readers_and_a_writer_exclude_each_other() {
    in_all_places(|a, b| {
        let pair = Arc::new(RwLock::new((0, 0)));
        let (written, read) = (Arc::clone(&pair), Arc::clone(&pair));
        let writes = move || {
            for _ in 0..50 {
                let mut pair = written.write();
                pair.0 += 1;
                gmp::yield_now();
                pair.1 += 1;
            }
        };
        let reads = move || {
            for _ in 0..50 {
                let pair = read.read();
                assert_eq!(pair.0, pair.1);
                gmp::yield_now();
            }
        };
        both((a, writes), (b, reads));
        assert_eq!(*pair.read(), (50, 50));
    });
}

#[test]
fn a_condition_passes_turns() {
    in_all_places(|a, b| {
        let turn = Arc::new((Mutex::new(0), Condvar::new()));
        twice!(a, b, turn, |me, turn: &(Mutex<usize>, Condvar)| {
            for _ in 0..20 {
                let mut now = turn.0.lock();
                while *now % 2 != me {
                    assert!(
                        turn.1.wait_for(&mut now, Duration::from_secs(60)),
                        "{a:?} {b:?} {me} {now:?}"
                    );
                }
                *now += 1;
                turn.1.notify_one();
            }
        });
        assert_eq!(*turn.0.lock(), 40, "{a:?} {b:?}");
    });
}

#[test]
fn everybody_hears_of_a_condition() {
    in_all_places(|a, b| {
        let open = Arc::new((Mutex::new(false), Condvar::new()));
        let opens = Arc::clone(&open);
        let gate = a.start(move || {
            *opens.0.lock() = true;
            opens.1.notify_all();
        });
        twice!(a, b, open, |_, open: &(Mutex<bool>, Condvar)| {
            open.1.wait_while(&mut open.0.lock(), |open| !*open);
        });
        gate.join();
    });
}

#[test]
fn permits_are_passed_on() {
    in_all_places(|a, b| {
        let permits = Arc::new(Semaphore::new(3));
        twice!(a, b, permits, |_, permits: &Semaphore| {
            for _ in 0..30 {
                let held = permits.acquire(2);
                assert!(permits.try_acquire(2).is_none());
                gmp::yield_now();
                drop(held);
            }
        });
        assert_eq!(permits.available(), 3, "{a:?} {b:?}");
    });
}

#[test]
fn two_meet_at_a_barrier() {
    in_all_places(|a, b| {
        let meeting = Arc::new(Barrier::new(2));
        let led = twice!(a, b, meeting, |_, meeting: &Barrier| {
            (0..10).filter(|_| meeting.wait().is_leader()).count()
        });
        assert_eq!(led.0 + led.1, 10, "{a:?} {b:?}");
    });
}

#[test]
fn what_happens_once_is_waited_for() {
    type Lazy = LazyLock<u32>;
    in_all_places(|a, b| {
        let cells = Arc::new((Once::new(), OnceLock::new(), Lazy::new(|| 7), Mutex::new(0)));
        let seen = twice!(a, b, cells, |me, c: &(Once, OnceLock<u32>, Lazy, Mutex<u32>)| {
            c.0.call_once(|| {
                gmp::yield_now();
                *c.3.lock() += 1;
            });
            assert_eq!(*c.3.lock(), 1);
            (*c.1.get_or_init(|| me), *c.2)
        });
        assert_eq!(seen.0, seen.1, "{a:?} {b:?}");
    });
}
