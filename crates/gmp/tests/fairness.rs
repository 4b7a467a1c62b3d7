//! A goroutine that is runnable runs, whatever the others do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::runtime::Builder;

/// A pair that never stops making each other ready, on one processor: others get their turn.
#[test]
fn a_ping_pong_pair_does_not_keep_others_from_running() {
    let ran = || {
        let (ping, pinged) = chan::bounded::<()>(0);
        let (pong, ponged) = chan::bounded::<()>(0);
        gmp::go(move || pinged.iter().for_each(|()| pong.send(()).unwrap_or(())));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let pair = gmp::go(move || {
            while !stopped.load(Ordering::Relaxed) {
                ping.send(()).unwrap();
                ponged.recv().unwrap();
            }
        });
        let begun = Instant::now();
        for _ in 0..10 {
            gmp::go(gmp::yield_now).join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        pair.join().unwrap();
        begun.elapsed()
    };
    // SAFETY: no thread-local is kept over a park.
    let took = unsafe { Builder::new().max_procs(1).run(ran) };
    assert!(took < Duration::from_secs(5), "ten short goroutines took {took:?}");
}

/// Goroutines that compute get equal shares of one processor.
#[test]
fn hogs_share_a_processor() {
    const HOGS: usize = 4;
    let share = || {
        let turns: Arc<Vec<AtomicU64>> = Arc::new((0..HOGS).map(|_| AtomicU64::new(0)).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..HOGS)
            .map(|i| {
                let (turns, stop) = (turns.clone(), stop.clone());
                gmp::go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        turns[i].fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        gmp::time::sleep(Duration::from_millis(1_500));
        stop.store(true, Ordering::Relaxed);
        hogs.into_iter().for_each(|h| h.join().unwrap());
        turns.iter().map(|t| t.load(Ordering::Relaxed)).collect::<Vec<_>>()
    };
    // SAFETY: no thread-local is kept over a park.
    let turns = unsafe { Builder::new().max_procs(1).run(share) };
    let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
    // The kernel shares this CPU with other programs: only a goroutine that is left out is certain to be ours.
    assert!(*least * 4 > *most, "shares of equal hogs: {turns:?}");
}

/// The main goroutine returns while others compute; they never run again.
#[test]
fn hogs_end_with_the_runtime() {
    let turns = Arc::new(AtomicU64::new(0));
    let seen = turns.clone();
    let run = || {
        for _ in 0..4 {
            let turns = turns.clone();
            gmp::go(move || {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while turns.load(Ordering::Relaxed) < 1_000 {
            gmp::yield_now();
        }
    };
    let begun = Instant::now();
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
    assert!(begun.elapsed() < Duration::from_secs(5));
    let at_the_end = seen.load(Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { gmp::run(|| gmp::time::sleep(Duration::from_millis(50))) };
    assert_eq!(
        seen.load(Ordering::Relaxed),
        at_the_end,
        "a goroutine ran on after the runtime had ended"
    );
}
