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

/// Threads attach and end, half of them without detaching, while others shoot at all they can find. The
/// shooters are also who lets the threads go on, and a stopped thread may hold the allocator's lock: so they
/// do not allocate.
#[test]
fn requests_and_ending_threads() {
    const LIST: usize = 16;
    in_child("requests_and_ending_threads", || {
        let targets = Mutex::new(Vec::<Arc<Target>>::with_capacity(LIST));
        let ended = AtomicBool::new(false);
        let shoot = || {
            let mut shots = 0_u64;
            while !ended.load(Ordering::Relaxed) {
                for target in targets.lock().unwrap().iter() {
                    match target.request() {
                        Ok(()) => shots += 1,
                        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ESRCH)),
                    }
                    target.resume();
                }
                thread::yield_now();
            }
            shots
        };
        thread::scope(|scope| {
            let shooters = [scope.spawn(shoot), scope.spawn(shoot)];
            for number in 0..1_000 {
                let victim = scope.spawn(|| {
                    // SAFETY: `always` does nothing and ignores its argument.
                    let target = unsafe { Target::attach(always, std::ptr::null()) }.unwrap();
                    let (held, shared) = (critical(), Arc::clone(&target));
                    targets.lock().unwrap().push(shared);
                    drop(held);
                    (0..1_000).for_each(|_| hint::spin_loop());
                    if Arc::as_ptr(&target).addr() / 64 % 2 == 0 {
                        target.detach();
                    }
                });
                wait_for("the thread to end", || victim.is_finished());
                victim.join().unwrap();
                if number % LIST == LIST - 1 {
                    let fresh = Vec::with_capacity(LIST);
                    let old = std::mem::replace(&mut *targets.lock().unwrap(), fresh);
                    assert!(old.iter().all(|target| target.request().is_err()), "detached");
                }
            }
            ended.store(true, Ordering::Relaxed);
            let shots: u64 = shooters.into_iter().map(|shooter| shooter.join().unwrap()).sum();
            assert!(shots > 0, "nobody was shot at");
        });
    });
}
