//! The threads of a runtime end with it, also those that stood by for goroutines that were about to be stopped, and those that
//! belong to a goroutine that waits.

use std::time::{Duration, Instant};

use gmp::chan::bounded;
use gmp::runtime::{Builder, lock_os_thread};
use gmp::yield_now;

/// Threads of runtimes in this process; not its services, which stay.
fn threads() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(|task| {
        // It may have ended meanwhile.
        std::fs::read_to_string(task.path().join("comm")).ok()
    });
    names.filter(|name| name.starts_with("gmp-m") || name.starts_with("gmp-spawner")).count()
}

fn compute(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// It waits for ever, and its thread with it.
fn waits_on_its_thread() {
    let (here, is_there) = bounded(1);
    gmp::go(move || {
        let _locked = lock_os_thread();
        here.send(()).unwrap();
        let (_kept, never) = bounded::<()>(0);
        never.recv()
    });
    is_there.recv().unwrap();
}

/// It is handed its thread again and again.
fn comes_and_goes_on_its_thread() {
    gmp::go(|| {
        let _locked = lock_os_thread();
        loop {
            yield_now();
        }
    });
}

#[test]
fn all_threads_of_a_runtime_end() {
    for round in 0..100 {
        let body = || {
            assert!(threads() > 0, "this one is not named as the test expects");
            waits_on_its_thread();
            comes_and_goes_on_its_thread();
            // They compute for about as long as a slice, so that some have ended when they are to be stopped.
            let all: Vec<_> = (0..8)
                .map(|i| gmp::go(move || compute(800 + (round * 7 + i * 131) % 900)))
                .collect();
            all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { Builder::new().max_procs(2).time_slice(Duration::from_millis(1)).run(body) };
    }
    let end = Instant::now() + Duration::from_secs(60);
    while threads() > 0 {
        assert!(Instant::now() < end, "{} threads of runtimes that have ended", threads());
        std::thread::yield_now();
    }
}
