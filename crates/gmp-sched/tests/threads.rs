//! Threads that a peak has made are used again: the next peak makes no new ones.

mod common;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use common::{go, on};
use gmp_sched::{blocking, metrics, yield_now};

const PEAK: usize = 60;

/// Threads of this process.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("procfs").count()
}

/// So many goroutines block their threads, all at the same time.
fn peak() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let inside = Arc::new(AtomicUsize::new(0));
    let all: Vec<_> = (0..PEAK)
        .map(|_| {
            let (gate, inside) = (gate.clone(), inside.clone());
            go(move || {
                blocking(|| {
                    inside.fetch_add(1, Ordering::Relaxed);
                    let open = gate.0.lock().unwrap();
                    drop(gate.1.wait_while(open, |open| !*open).unwrap());
                });
            })
        })
        .collect();
    while inside.load(Ordering::Relaxed) < PEAK {
        yield_now();
    }
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
}

#[test]
fn the_next_peak_finds_the_threads_of_the_last() {
    let before = threads();
    on(2, || {
        peak();
        let after = threads();
        // One for each that blocked, one for each processor, a spare one, the monitor, who makes threads; and some that were
        // asked for while others were on their way.
        assert!(
            after >= PEAK && after <= before + PEAK + PEAK / 2,
            "{after} threads, {before} before"
        );
        for _ in 0..20 {
            peak();
        }
        // The runtime's figure first: it makes no thread that it does not count.
        let (known, now) = (metrics().threads, threads());
        // A few may have been made because others were still on their way to bed.
        assert!(
            now <= after + PEAK / 2,
            "{now} threads after twenty peaks, {after} after the first"
        );
        assert!(known <= now, "{known} threads are known, {now} there");
    });
    // All of them end with the runtime, but those that goroutines keep.
    while threads() > before {
        std::thread::yield_now();
    }
}
