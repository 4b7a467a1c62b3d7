//! The threads of a runtime end with it, also those that stood by for goroutines that were about to be stopped.

use std::time::{Duration, Instant};

use gmp::runtime::Builder;

/// Threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn compute(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

#[test]
fn all_threads_of_a_runtime_end() {
    let begun = threads();
    for round in 0..100 {
        let body = || {
            // They compute for about as long as a slice, so that some have ended when they are to be stopped.
            let all: Vec<_> = (0..8)
                .map(|i| gmp::go(move || compute(800 + (round * 7 + i * 131) % 900)))
                .collect();
            all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { Builder::new().max_procs(2).time_slice(Duration::from_millis(1)).run(body) };
    }
    // Services of the process stay: they were counted with the first runtime.
    let end = Instant::now() + Duration::from_secs(60);
    while threads() > begun + 2 {
        assert!(Instant::now() < end, "{} threads, {begun} before", threads());
        std::thread::yield_now();
    }
}
