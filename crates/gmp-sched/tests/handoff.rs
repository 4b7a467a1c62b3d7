//! Blocking a thread in a section does not stop the others.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{go, on};
use gmp_sched::{blocking, metrics, yield_now};

#[test]
fn others_run_while_every_processor_is_blocked() {
    on(2, || {
        let (wake, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let entered = Arc::new(AtomicUsize::new(0));
        // Twice as many blocked threads as processors; only the main goroutine can have them woken.
        let sleepers: Vec<_> = (0..4)
            .map(|_| {
                let (blocked, entered) = (blocked.clone(), entered.clone());
                go(move || {
                    blocking(|| {
                        entered.fetch_add(1, Ordering::Relaxed);
                        blocked.lock().unwrap().recv().unwrap();
                    })
                })
            })
            .collect();
        while entered.load(Ordering::Relaxed) < 4 {
            yield_now();
        }
        let waker = go(move || (0..4).for_each(|_| wake.send(()).unwrap()));
        waker.join().unwrap();
        sleepers.into_iter().for_each(|s| s.join().unwrap());
        assert!(metrics().total.handoffs >= 1);
    });
}

#[test]
fn short_sections_keep_their_processor() {
    on(1, || {
        let before = metrics().total.handoffs;
        let begun = Instant::now();
        for i in 0..100_000u64 {
            assert_eq!(blocking(|| i), i);
        }
        let taken = metrics().total.handoffs - before;
        let looks = begun.elapsed().as_micros() as u64 / 100 + 1;
        assert!(taken <= looks, "{taken} hand-offs in {looks} looks of the monitor");
    });
}

#[test]
fn a_panic_leaves_the_section() {
    on(1, || {
        let h = go(|| blocking(|| std::panic::resume_unwind(Box::new(3u8))));
        let end: Result<(), _> = h.join();
        assert_eq!(*end.unwrap_err().downcast::<u8>().unwrap(), 3);
        assert_eq!(go(|| 4).join().unwrap(), 4);
    });
}

#[test]
fn a_section_may_outlast_the_runtime() {
    let begun = Instant::now();
    on(2, || {
        for _ in 0..3 {
            // Sleep: the threads shall still be blocked in the kernel when `run` returns.
            drop(go(|| blocking(|| std::thread::sleep(Duration::from_secs(3)))));
        }
        yield_now();
    });
    assert!(begun.elapsed() < Duration::from_secs(2), "run waited for a blocked goroutine");
}

#[test]
fn a_section_that_outlasts_the_runtime_does_not_go_on() {
    let ran_on = Arc::new(AtomicUsize::new(0));
    for round in 0..200u64 {
        let ended = Arc::new(AtomicBool::new(false));
        on(2, || {
            let entered = Arc::new(AtomicUsize::new(0));
            for i in 0..4 {
                let (entered, ended, ran_on) = (entered.clone(), ended.clone(), ran_on.clone());
                drop(go(move || {
                    let length = Duration::from_micros((round * 7 + i * 100) % 500);
                    blocking(|| {
                        entered.fetch_add(1, Ordering::Relaxed);
                        // Sleep: a section that ends about when the runtime does is what is looked at.
                        std::thread::sleep(length);
                    });
                    ran_on.fetch_add(ended.load(Ordering::SeqCst).into(), Ordering::SeqCst);
                }));
            }
            while entered.load(Ordering::Relaxed) == 0 {
                yield_now();
            }
        });
        ended.store(true, Ordering::SeqCst);
    }
    // Sleep: longer than any of the sections; nobody is left who could say that they are over.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(ran_on.load(Ordering::SeqCst), 0, "goroutines went on in a runtime that had ended");
}
