//! Recursion deeper than any stack, in goroutines: it parks inside, is stopped inside, panics inside.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gmp::chan;
use gmp::runtime::{Builder, stack};

const RED_ZONE: usize = 64 << 10;
const SEGMENT: usize = 1 << 20;

/// Uses at least 256 bytes per level; calls `at_the_end` on the last.
#[inline(never)]
fn descend(n: u64, at_the_end: &mut dyn FnMut()) -> u64 {
    let frame = black_box([n; 32]);
    if n == 0 {
        at_the_end();
        return 0;
    }
    stack::maybe_grow(RED_ZONE, SEGMENT, || descend(n - 1, at_the_end)) + u64::from(frame[31] == n)
}

#[gmp::test(unsafe)]
fn goroutines_park_deep_inside_and_go_on_elsewhere() {
    const DEEP: u64 = 50_000; // at least 12 MiB
    let (sender, receiver) = chan::bounded::<u64>(0);
    let deep: Vec<_> = (0..8)
        .map(|_| {
            let receiver = receiver.clone();
            gmp::go(move || {
                let mut sum = 0;
                let depth = descend(DEEP, &mut || {
                    for _ in 0..100 {
                        sum += receiver.recv().expect("the sender is alive");
                        gmp::yield_now();
                    }
                });
                (depth, sum)
            })
        })
        .collect();
    (0..800).for_each(|n| sender.send(n).expect("receivers are alive"));
    let ended: Vec<_> = deep.into_iter().map(|g| g.join().expect("no panic")).collect();
    assert!(ended.iter().all(|(depth, _)| *depth == DEEP));
    assert_eq!(ended.iter().map(|(_, sum)| sum).sum::<u64>(), (0..800).sum());
}

#[test]
fn a_goroutine_that_computes_in_a_segment_is_stopped() {
    let ran = || {
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicU64::new(0));
        let (seen, counted) = (stop.clone(), turns.clone());
        let hog = gmp::go(move || {
            stack::grow(SEGMENT, || {
                while !seen.load(Ordering::Relaxed) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        // On one processor this goes on only if the hog is stopped.
        while turns.load(Ordering::Relaxed) == 0 {
            gmp::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        hog.join().expect("no panic");
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(1).run(ran) };
}

#[gmp::test(unsafe)]
fn panics_and_goexit_pass_through_segments() {
    let panicked = gmp::go(|| stack::grow(SEGMENT, || std::panic::resume_unwind(Box::new(5_u8))));
    let payload = panicked.join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&5_u8));
    let left = gmp::go(|| stack::grow(SEGMENT, || stack::grow(SEGMENT, || gmp::goexit())));
    assert!(left.join().unwrap_err().is::<gmp::Goexit>());
}

#[gmp::test(unsafe)]
fn what_is_left_follows_the_stack() {
    let before = stack::remaining();
    let inside = stack::grow(SEGMENT, stack::remaining);
    assert!((SEGMENT - 8192..SEGMENT).contains(&inside), "{inside}");
    assert!(stack::remaining().abs_diff(before) < 1024);
    let small = gmp::Builder::new().stack_size(128 << 10).spawn(stack::remaining);
    let small = small.expect("a stack").join().expect("no panic");
    assert!((96 << 10..128 << 10).contains(&small), "{small}");
}
