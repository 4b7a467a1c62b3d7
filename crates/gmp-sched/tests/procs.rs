//! GOMAXPROCS changes while everything runs, and nothing is lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{go, on};
use gmp_sched::{gomaxprocs, num_goroutine, set_gomaxprocs, yield_now};

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
