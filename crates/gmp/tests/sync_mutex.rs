//! `Mutex`: exclusion, no poisoning, and that nobody starves (go.md 1.6, Mutex).

mod sync_common;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp::sync::Mutex;
use sync_common::{goroutine, until, with_all_parties};

/// Promise Y1.
#[test]
fn increments_are_not_lost() {
    with_all_parties(|parties| {
        let total = Arc::new(Mutex::new(0));
        let mine = Arc::clone(&total);
        parties.all(8, move |i| {
            for n in 0..5_000 {
                *mine.lock() += 1;
                if n % 64 == i {
                    gmp::yield_now();
                }
            }
        });
        assert_eq!(*total.lock(), 40_000);
    });
}

/// Promise Y1.
#[test]
fn a_holder_that_parks_excludes_the_others() {
    with_all_parties(|parties| {
        let inside = Arc::new((Mutex::new(()), AtomicBool::new(false)));
        parties.all(6, move |_| {
            for _ in 0..50 {
                let _guard = inside.0.lock();
                assert!(!inside.1.swap(true, Ordering::Relaxed));
                gmp::yield_now();
                assert!(inside.1.swap(false, Ordering::Relaxed));
            }
        });
    });
}

/// Promise Y3.
#[test]
fn try_lock_says_whether_it_is_free() {
    let m = Mutex::new(5);
    let guard = m.try_lock().expect("it is free");
    assert!(m.try_lock().is_none());
    drop(guard);
    assert_eq!(m.try_lock().map(|v| *v), Some(5));
    assert_eq!(m.into_inner(), 5);
}

/// Promise Y7.
#[test]
fn a_holder_that_panics_releases_and_poisons_nothing() {
    with_all_parties(|parties| {
        let m = Arc::new(Mutex::new(1));
        let mine = Arc::clone(&m);
        let holder = parties.start(1, move || {
            let mut guard = mine.lock();
            *guard = 2;
            resume_unwind(Box::new("on purpose"));
        });
        assert!(holder.join().is_err());
        assert_eq!(*m.lock(), 2);
    });
}

#[test]
fn a_destructor_may_lock_while_unwinding() {
    struct Lock(Arc<Mutex<u32>>);
    impl Drop for Lock {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    with_all_parties(|parties| {
        let m = Arc::new(Mutex::new(0));
        let held = m.lock();
        let mine = Arc::clone(&m);
        let unwinding = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&unwinding);
        let party = parties.start(1, move || {
            let _locks = Lock(mine);
            flag.store(true, Ordering::Relaxed);
            resume_unwind(Box::new("on purpose"));
        });
        until(|| unwinding.load(Ordering::Relaxed));
        drop(held);
        assert!(party.join().is_err());
        assert_eq!(*m.lock(), 1);
    });
}

/// Starvation bound: one that holds the mutex nearly always cannot keep the others out.
/// Promise Y2.
#[test]
fn a_hog_does_not_starve_others() {
    with_all_parties(|parties| {
        let m = Arc::new((Mutex::new(()), AtomicBool::new(false)));
        let mine = Arc::clone(&m);
        let hog = parties.start(1, move || {
            while !mine.1.load(Ordering::Relaxed) {
                let _guard = mine.0.lock();
                let since = Instant::now();
                while since.elapsed() < Duration::from_micros(100) {
                    std::hint::spin_loop();
                }
            }
        });
        let mine = Arc::clone(&m);
        let longest = parties.all(3, move |_| {
            let mut longest = Duration::ZERO;
            for _ in 0..20 {
                let since = Instant::now();
                drop(mine.0.lock());
                longest = longest.max(since.elapsed());
            }
            longest
        });
        m.1.store(true, Ordering::Relaxed);
        hog.join().unwrap();
        // 1 ms of patience and a few turns of the others; the rest is for a loaded machine.
        assert!(longest.iter().all(|&l| l < Duration::from_millis(500)), "{longest:?}");
    });
}

/// Promise Y1.
#[test]
fn a_guard_may_travel() {
    goroutine(|| {
        static M: Mutex<u32> = Mutex::new(0);
        let mut guard = M.lock();
        *guard += 1;
        gmp::go(move || *guard += 1).join().unwrap();
        assert_eq!(*M.lock(), 2);
    });
}
