//! Locks that everybody wants: nothing is lost, and more contenders do not make each turn much dearer (issue 5).

mod sync_common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::go;
use gmp::sync::{Mutex, RwLock, Semaphore};
use sync_common::goroutine;

/// Turns of all contenders together.
const TURNS: usize = 40_000;

/// `n` goroutines take `TURNS` turns; how long that takes.
fn contend(n: usize, turn: impl Fn() + Send + Sync + 'static) -> Duration {
    let turn = Arc::new(turn);
    let begin = Instant::now();
    let parties: Vec<_> = (0..n)
        .map(|_| {
            let turn = Arc::clone(&turn);
            go(move || (0..TURNS / n).for_each(|_| turn()))
        })
        .collect();
    parties.into_iter().for_each(|party| party.join().unwrap());
    begin.elapsed()
}

/// The middle one of five runs with `n` contenders.
fn median(n: usize, make: impl Fn() -> Box<dyn Fn() + Send + Sync>) -> Duration {
    let mut times: Vec<_> = (0..5).map(|_| contend(n, make())).collect();
    times.sort();
    times[2]
}

fn does_not_collapse(make: fn() -> Box<dyn Fn() + Send + Sync>) {
    goroutine(|| {
        let few = median(8, make);
        for n in [64, 1000] {
            let many = median(n, make);
            // What was measured is less than twice; a lock that collapses gets slower by hundreds. Starting a
            // goroutine is counted here, too.
            let bound = few * 10 + Duration::from_millis(50);
            assert!(many < bound, "8 contenders: {few:?}, {n}: {many:?}");
        }
    });
}

#[test]
fn a_mutex() {
    does_not_collapse(|| {
        let count = Mutex::new(0_usize);
        Box::new(move || *count.lock() += 1)
    });
}

#[test]
fn a_lock_with_readers_and_writers() {
    does_not_collapse(|| {
        let table = RwLock::new(0_usize);
        Box::new(move || {
            let old = *table.read();
            if old % 4 == 0 { *table.write() += 1 } else { assert!(*table.read() >= old) }
        })
    });
}

#[test]
fn a_semaphore() {
    does_not_collapse(|| {
        let permits = Semaphore::new(2);
        Box::new(move || drop(permits.acquire(1)))
    });
}

#[test]
fn holders_that_park() {
    goroutine(|| {
        for n in [8, 64, 1000] {
            let count = Arc::new(Mutex::new(0));
            let inside = Arc::clone(&count);
            contend(n, move || {
                let mut count = inside.lock();
                let before = *count;
                if before % 16 == 0 {
                    gmp::yield_now();
                }
                *count = before + 1;
            });
            assert_eq!(*count.lock(), TURNS / n * n);
        }
    });
}
