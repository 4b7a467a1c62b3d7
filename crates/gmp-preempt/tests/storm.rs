//! Many requests, many threads that end, and nothing lost.

mod common;

use std::{
    hint,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    sync::{Arc, Mutex},
    thread,
};

use common::{Hog, always, in_child, wait_for};
use gmp_preempt::{Target, critical};

#[test]
fn a_hundred_thousand_requests() {
    in_child("a_hundred_thousand_requests", || {
        let sum = Arc::new(AtomicU64::new(0));
        let hog = {
            let sum = Arc::clone(&sum);
            Hog::start(move |round| {
                sum.fetch_add(round, Ordering::Relaxed);
            })
        };
        for _ in 0..100_000 {
            hog.target.request().unwrap();
            hog.target.resume();
        }
        // The last request may still be on its way: whenever it comes, it is answered.
        let target = Arc::clone(&hog.target);
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    target.resume();
                }
            });
            let rounds = hog.finish();
            ended.store(true, Ordering::Relaxed);
            assert_eq!(sum.load(Ordering::Relaxed), rounds * (rounds.max(1) - 1) / 2);
        });
    });
}

/// Two words that a critical section keeps equal; whoever sees the thread stopped sees them equal.
#[test]
fn nobody_is_stopped_in_a_critical_section() {
    in_child("nobody_is_stopped_in_a_critical_section", || {
        let pair = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let hog = {
            let pair = Arc::clone(&pair);
            Hog::start(move |_| {
                let outer = critical();
                pair.0.fetch_add(1, Ordering::Relaxed);
                drop(critical());
                for _ in 0..50 {
                    hint::spin_loop();
                }
                pair.1.fetch_add(1, Ordering::Relaxed);
                drop(outer);
            })
        };
        for _ in 0..5_000 {
            hog.stop();
            assert_eq!(pair.0.load(Ordering::Relaxed), pair.1.load(Ordering::Relaxed));
            hog.target.resume();
        }
        hog.finish();
    });
}

/// Threads attach and end, half of them without detaching, while others shoot at all they can find.
#[test]
fn requests_and_ending_threads() {
    in_child("requests_and_ending_threads", || {
        let targets = Arc::new(Mutex::new(Vec::<Arc<Target>>::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let shooters: Vec<_> = (0..2)
            .map(|_| {
                let (targets, ended) = (Arc::clone(&targets), Arc::clone(&ended));
                thread::spawn(move || {
                    let mut shots = 0_u64;
                    while !ended.load(Ordering::Relaxed) {
                        let known = targets.lock().unwrap().clone();
                        for target in known {
                            match target.request() {
                                Ok(()) => shots += 1,
                                Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ESRCH)),
                            }
                            target.resume();
                        }
                    }
                    shots
                })
            })
            .collect();
        for number in 0..1_000 {
            let known = Arc::clone(&targets);
            let thread = thread::spawn(move || {
                // SAFETY: `always` does nothing and ignores its argument.
                let target = unsafe { Target::attach(always, std::ptr::null()) }.unwrap();
                let held = critical(); // not to be stopped with the list's lock
                known.lock().unwrap().push(Arc::clone(&target));
                drop(held);
                for _ in 0..1_000 {
                    hint::spin_loop();
                }
                if number % 2 == 0 {
                    target.detach();
                }
            });
            wait_for("the thread to end", || thread.is_finished());
            thread.join().unwrap();
            if number % 16 == 0 {
                let old = std::mem::take(&mut *targets.lock().unwrap());
                assert!(old.iter().all(|target| target.request().is_err()), "detached");
            }
        }
        ended.store(true, Ordering::Relaxed);
        let shots: u64 = shooters.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(shots > 0, "nobody was shot at");
    });
}
