//! The main goroutine returns, and so does `run`, whatever the others are doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::runtime::Builder;
use gmp::sync::Mutex;

/// Counts itself, then does one of the things that goroutines do when the runtime ends.
fn occupy(kind: usize, begun: &AtomicUsize, lock: &Mutex<()>, std_lock: &std::sync::Mutex<()>) {
    begun.fetch_add(1, Ordering::AcqRel);
    match kind {
        0 => loop {
            std::hint::spin_loop();
        },
        1 => chan::never::<()>().recv().map_or((), drop),
        2 => gmp::time::sleep(Duration::from_secs(3_600)),
        // Sleep: a thread that blocks is what is looked at.
        3 => gmp::blocking(|| std::thread::sleep(Duration::from_secs(30))),
        // Sleep: as above.
        4 => std::thread::sleep(Duration::from_secs(30)),
        5 => {
            let _held = lock.lock();
            gmp::time::sleep(Duration::from_secs(3_600));
        }
        6 => {
            let _held = std_lock.lock();
            loop {
                std::hint::spin_loop();
            }
        }
        7 => loop {
            gmp::yield_now();
        },
        _ => loop {
            // Allocates in its slice: it is stopped between calls of the allocator, or a little later.
            std::hint::black_box(vec![0u8; 1_000]);
        },
    }
}

/// How much longer than its CPU time this thread takes for a computation now: on a machine that others use, too, the
/// goroutines need that much longer until they have come to rest.
fn crowd() -> f64 {
    let cpu = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: room for the answer.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let (begun, used) = (Instant::now(), cpu());
    while cpu() - used < 0.02 {
        std::hint::spin_loop();
    }
    (begun.elapsed().as_secs_f64() / (cpu() - used)).max(1.0)
}

#[test]
fn run_returns_promptly_and_can_be_called_again() {
    // The address sanitizer's allocator is linked into the program, where nothing tells it from the program's own code: one that
    // allocates all the time is stopped for good in the middle of it, sooner or later. `cargo xtask san` sets the variable.
    let kinds = if std::env::var_os("ASAN_OPTIONS").is_some() { 8 } else { 9 };
    let mut took = Vec::new();
    for round in 0..9 {
        let begun = Arc::new(AtomicUsize::new(0));
        let ended = || {
            let (lock, std_lock) = (Arc::new(Mutex::new(())), Arc::new(std::sync::Mutex::new(())));
            for kind in 0..kinds {
                let (begun, lock, std_lock) = (begun.clone(), lock.clone(), std_lock.clone());
                gmp::go(move || occupy(kind, &begun, &lock, &std_lock));
            }
            while begun.load(Ordering::Acquire) < kinds {
                gmp::time::sleep(Duration::from_millis(1));
            }
            Instant::now()
        };
        // SAFETY: no thread-local is kept over a park.
        let ended = unsafe { Builder::new().max_procs(1 + round % 4).run(ended) };
        took.push(ended.elapsed());
    }
    took.sort_unstable();
    let crowd = crowd();
    let bound = Duration::from_millis(10).mul_f64(crowd);
    assert!(took[4] <= bound, "`run` went on for {took:?} on a machine shared by {crowd:.1}");
}
