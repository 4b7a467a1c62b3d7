//! Every goroutine runs once and ends once, whatever the number of processors.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{go, on};
use gmp_sched::{num_goroutine, yield_now};

#[test]
fn results_come_back_from_any_number_of_processors() {
    for procs in [1, 2, 3, 8] {
        let sum = on(procs, || {
            (0..1_000u64).map(|i| go(move || i)).map(|h| h.join().unwrap()).sum::<u64>()
        });
        assert_eq!(sum, 499_500, "{procs} processors");
    }
}

#[test]
fn a_hundred_thousand_goroutines_that_yield() {
    let (ran, left) = on(4, || {
        let ran = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..100_000)
            .map(|_| {
                let ran = ran.clone();
                go(move || {
                    yield_now();
                    ran.fetch_add(1, Ordering::Relaxed);
                    yield_now();
                })
            })
            .collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        (ran.load(Ordering::Relaxed), num_goroutine())
    });
    assert_eq!((ran, left), (100_000, 1));
}

#[test]
fn a_tree_of_goroutines_adds_up() {
    fn fib(n: u32) -> u64 {
        if n < 2 {
            return n.into();
        }
        let left = go(move || fib(n - 1));
        let right = fib(n - 2);
        left.join().unwrap() + right
    }
    for procs in [1, 2, 4] {
        assert_eq!(on(procs, || fib(18)), 2_584);
    }
}

#[test]
fn a_thousand_runtimes_one_after_the_other() {
    for i in 0..1_000 {
        assert_eq!(on(1 + i % 3, move || go(move || i).join().unwrap()), i);
    }
}

#[test]
fn detached_goroutines_are_dropped_with_their_results() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let seen = dropped.clone();
    on(2, move || {
        for _ in 0..1_000 {
            let value = Counted(seen.clone());
            drop(go(move || value));
        }
        while num_goroutine() > 1 {
            yield_now();
        }
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 1_000);
}
