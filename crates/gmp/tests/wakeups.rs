//! Who is woken when there is work: somebody soon, and nobody in vain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::runtime::{Builder, metrics};

fn on<T>(procs: usize, f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(procs).run(f) }
}

/// A pair that passes messages wakes no thread for them, although a processor idles beside it.
#[test]
fn a_ping_pong_pair_wakes_nobody() {
    const TRIPS: u64 = 200_000;
    let woken = on(2, || {
        let (ping, pinged) = chan::bounded::<u64>(0);
        let (pong, ponged) = chan::bounded::<u64>(0);
        gmp::go(move || pinged.iter().for_each(|n| pong.send(n).unwrap()));
        let trip = |n| {
            ping.send(n).unwrap();
            assert_eq!(ponged.recv().unwrap(), n);
        };
        // Both on one processor first.
        (0..1_000).for_each(trip);
        let before = metrics().wakeups;
        (0..TRIPS).for_each(trip);
        metrics().wakeups - before
    });
    // The monitor may have one looked for when the kernel stops the pair's thread for a while.
    assert!(woken * 100 < TRIPS, "{woken} wake-ups in {TRIPS} round trips");
}

/// A goroutine spawned beside a long computation starts on an idle processor, soon.
#[test]
fn a_goroutine_starts_beside_a_computation() {
    const TRIES: usize = 300;
    let mut took = on(2, || {
        let mut took = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            let started = Arc::new(AtomicBool::new(false));
            let flag = started.clone();
            let begun = Instant::now();
            let goroutine = gmp::go(move || flag.store(true, Ordering::Release));
            // No call of the runtime: this processor cannot run it.
            while !started.load(Ordering::Acquire) {
                assert!(begun.elapsed() < Duration::from_secs(10), "it waits for this one");
                std::hint::spin_loop();
            }
            took.push(begun.elapsed());
            goroutine.join().unwrap();
        }
        took
    });
    took.sort_unstable();
    // Other programs may hold the second CPU for milliseconds here; without a wake-up none of the starts would come
    // before the monitor's next look, a millisecond later. docs/experiments.md has the figures of a quiet machine.
    assert!(took[TRIES / 4] < Duration::from_micros(100), "the fastest quarter: {took:?}");
}

/// A burst of goroutines occupies every processor, and wakes no more threads than there are.
#[test]
fn a_burst_occupies_every_processor() {
    const PROCS: usize = 4;
    let (most, woken) = on(PROCS, || {
        let before = metrics().wakeups;
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..PROCS)
            .map(|_| {
                let (running, most) = (running.clone(), most.clone());
                gmp::go(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                    // Each computes until all do, or the test gives up.
                    let begun = Instant::now();
                    while most.load(Ordering::Acquire) < PROCS
                        && begun.elapsed() < Duration::from_secs(10)
                    {
                        std::hint::spin_loop();
                    }
                    running.fetch_sub(1, Ordering::AcqRel);
                })
            })
            .collect();
        all.into_iter().for_each(|g| g.join().unwrap());
        (most.load(Ordering::Acquire), metrics().wakeups - before)
    });
    assert_eq!(most, PROCS, "goroutines that ran at once");
    assert!(woken < 100, "{woken} wake-ups for {PROCS} goroutines");
}
