//! Memory after a peak: free stacks lose the depth they grew to while the runtime works, and all their pages when it has
//! been idle for a while.

mod common;

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{go, on};
use gmp_sched::{JoinHandle, blocking, yield_now};

/// Longer than any machine takes; the runtime takes a second or so.
const PATIENCE: Duration = Duration::from_secs(60);
const DEEP: usize = 160 << 10;

/// Bytes of this process that are resident.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") << 12
}

/// Uses `DEEP` bytes of the stack; in a frame of its own, since entering a frame touches all of it.
#[inline(never)]
fn go_deep() {
    black_box([1_u8; DEEP]);
}

/// Goroutines that have all used `bytes` of their stacks at the same time, until they are told to end.
fn crowd(n: usize, bytes: usize) {
    let (arrived, leave) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let all: Vec<JoinHandle<()>> = (0..n)
        .map(|_| {
            let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
            go(move || {
                if bytes == DEEP {
                    go_deep();
                }
                arrived.fetch_add(1, Ordering::Relaxed);
                while leave.load(Ordering::Relaxed) == 0 {
                    yield_now();
                }
            })
        })
        .collect();
    while arrived.load(Ordering::Relaxed) < n {
        yield_now();
    }
    leave.store(1, Ordering::Relaxed);
    all.into_iter().for_each(|g| g.join().expect("no panic"));
}

fn depth_goes_back_while_others_work() {
    const N: usize = 400;
    on(2, || {
        let before = resident();
        crowd(N, DEEP);
        // Each P keeps some stacks at hand as they are. Without optimisation there are two arrays on each.
        let kept = 2 * 32 * 2 * DEEP;
        let most = before + kept + N * DEEP / 4;
        let start = Instant::now();
        while resident() > most {
            assert!(start.elapsed() < PATIENCE, "{} of {before} and {most}", resident());
            yield_now();
        }
    });
}

fn all_of_it_goes_back_when_all_is_quiet() {
    const N: usize = 4_000;
    on(2, || {
        let before = resident();
        crowd(N, 0);
        let most = before + N * 4096 / 2;
        // A runtime in which every P idles, as its one goroutine is in a section.
        blocking(|| {
            let start = Instant::now();
            while resident() > most {
                assert!(start.elapsed() < PATIENCE, "{} of {before} and {most}", resident());
                // Sleep: an idle process is the subject.
                std::thread::sleep(Duration::from_millis(100));
            }
        });
    });
}

fn what_a_peak_left_goes_back_though_somebody_works_on() {
    const N: usize = 4_000;
    on(2, || {
        let before = resident();
        crowd(N, 0);
        let most = before + N * 4096 / 2;
        let start = Instant::now();
        while resident() > most {
            assert!(start.elapsed() < PATIENCE, "{} of {before} and {most}", resident());
            yield_now();
        }
    });
}

/// One after the other, since both look at the memory of the whole process and the second leaves a lot to trim.
#[test]
#[expect(clippy::print_stdout, reason = "it is to be read in the output of the tests")]
fn memory_goes_back_after_a_peak() {
    // Set by `cargo xtask san` and `cargo xtask cross`.
    if ["ASAN_OPTIONS", "GMP_TEST_RUNNER"].into_iter().any(|set| std::env::var_os(set).is_some()) {
        println!("skipped: what is resident is mostly the sanitizer's own, or the emulator's");
        return;
    }
    depth_goes_back_while_others_work();
    all_of_it_goes_back_when_all_is_quiet();
    what_a_peak_left_goes_back_though_somebody_works_on();
}
