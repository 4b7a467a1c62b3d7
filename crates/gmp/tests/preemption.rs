//! Goroutines that never give way: the others run all the same, and the hogs' work is right.

use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gmp::runtime::{Builder, metrics};

const PROCS: usize = 2;

fn on(procs: usize, body: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(procs).time_slice(Duration::from_millis(2)).run(body) }
}

fn mix(n: u64) -> u64 {
    (0..20_000).fold(n | 1, |x, _| (x ^ (x << 13)).rotate_right(7).wrapping_mul(5))
}

fn allocate(n: u64) -> u64 {
    (0..300).map(|i| vec![n as u8; 1 + (i * 37) % 5_000]).fold(0, |sum, v| sum + v.len() as u64)
}

fn lock(n: u64) -> u64 {
    static PAIR: Mutex<(u64, u64)> = Mutex::new((0, 0));
    let mut pair = PAIR.lock().unwrap();
    pair.0 += 1;
    let sum = mix(n);
    pair.1 += 1;
    assert_eq!(pair.0, pair.1);
    sum
}

fn unwind(n: u64) -> u64 {
    let caught = panic::catch_unwind(|| panic::resume_unwind(Box::new(n)));
    *caught.unwrap_err().downcast::<u64>().unwrap()
}

fn thread_local(n: u64) -> u64 {
    thread_local!(static STATE: Cell<u64> = const { Cell::new(0) });
    STATE.set(n);
    (0..20_000).for_each(|_| STATE.set(STATE.get().rotate_left(3) ^ n));
    STATE.get()
}

/// Four hogs per processor, which end when the main goroutine has slept often enough beside them.
fn beside(work: fn(u64) -> u64) {
    let expected: Arc<Vec<u64>> = Arc::new((0..4).map(work).collect());
    on(PROCS, || {
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..4 * PROCS)
            .map(|_| {
                let (stop, expected) = (stop.clone(), expected.clone());
                gmp::go(move || {
                    let mut round = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let n = round % expected.len();
                        assert_eq!(work(n as u64), expected[n], "round {round}");
                        round += 1;
                    }
                    round
                })
            })
            .collect();
        (0..50).for_each(|_| gmp::time::sleep(Duration::from_millis(1)));
        stop.store(true, Ordering::Relaxed);
        let rounds = hogs.into_iter().map(|hog| hog.join().unwrap()).filter(|&n| n > 0).count();
        assert!(rounds > 0, "no hog has ever run");
        assert!(metrics().total.preempted_by_signal + metrics().total.retaken > 0);
    });
}

#[test]
fn integers() {
    beside(mix);
}

#[test]
fn the_allocator() {
    beside(allocate);
}

#[test]
fn a_std_mutex() {
    beside(lock);
}

#[test]
fn unwinding() {
    beside(unwind);
}

#[test]
fn thread_locals() {
    beside(thread_local);
}

/// Every hog gets its turn although none ever ends by itself.
#[test]
fn each_hog_gets_its_turn() {
    on(1, || {
        let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..6).map(|_| AtomicUsize::new(0)).collect());
        let hogs: Vec<_> = (0..6)
            .map(|me| {
                let seen = seen.clone();
                gmp::go(move || {
                    seen[me].store(1, Ordering::Relaxed);
                    // Each waits, computing, for all the others to have begun.
                    while seen.iter().any(|begun| begun.load(Ordering::Relaxed) == 0) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        hogs.into_iter().for_each(|hog| hog.join().unwrap());
    });
}

/// How often the kernel took threads of this process off their CPUs.
fn taken_off() -> u64 {
    // SAFETY: plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: room for the answer.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    usage.ru_nivcsw as u64
}

/// Goroutines that give way by themselves are never sent a signal, but for those whose thread the kernel did not let run for
/// a slice: on a machine that others use, too.
#[test]
fn a_cooperative_load_gets_no_signals() {
    on(PROCS, || {
        let before = taken_off();
        let all: Vec<_> = (0..8)
            .map(|n| {
                gmp::go(move || {
                    for _ in 0..400 {
                        std::hint::black_box(mix(n));
                        gmp::yield_now();
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        let (signals, excuses) = (metrics().total.preempted_by_signal, taken_off() - before);
        assert!(signals <= excuses, "{signals} signals, {excuses} times off the CPU");
    });
}
