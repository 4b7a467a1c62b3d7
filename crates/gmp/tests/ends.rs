//! The threads of a runtime end with it, also those that stood by for goroutines that were about to be stopped, and those that
//! belong to a goroutine that waits.

use std::time::{Duration, Instant};

use gmp::chan::bounded;
use gmp::runtime::{Builder, lock_os_thread};

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

#[test]
fn all_threads_of_a_runtime_end() {
    for round in 0..100 {
        let body = || {
            assert!(threads() > 0, "this one is not named as the test expects");
            // It waits for ever, and its thread with it.
            let (here, is_there) = bounded(1);
            gmp::go(move || {
                let _locked = lock_os_thread();
                here.send(()).unwrap();
                let (_kept, never) = bounded::<()>(0);
                never.recv()
            });
            is_there.recv().unwrap();
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
