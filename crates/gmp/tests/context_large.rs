//! Contexts by the hundred thousand (issue 5).

mod sync_common;

use gmp::context::background;
use sync_common::goroutine;

/// CPU time of the calling thread, in seconds: what others take does not count.
fn cpu_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists, and the place takes a time.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn cancel_time(contexts: usize, parent: impl Fn(usize) -> usize) -> f64 {
    let (top, cancel) = background().with_cancel();
    let mut all = vec![(top, None)];
    for i in 0..contexts {
        let (below, handle) = all[parent(i)].0.with_cancel();
        all.push((below, Some(handle)));
    }
    // It does not park, so it stays on its thread.
    let since = cpu_time();
    cancel.cancel();
    let took = cpu_time() - since;
    assert!(all.iter().all(|(c, _)| c.err().is_some()));
    took
}

/// A chain, a star and a binary tree of 100,000: on a goroutine's stack, in linear time.
#[test]
fn large_trees_are_cancelled_in_linear_time() {
    goroutine(|| {
        let shapes: [fn(usize) -> usize; 3] = [|i| i, |_| 0, |i| i / 2];
        for shape in shapes {
            let small = (0..3).map(|_| cancel_time(10_000, shape)).fold(f64::MAX, f64::min);
            let large = (0..3).map(|_| cancel_time(100_000, shape)).fold(f64::MAX, f64::min);
            // Linear is 10; quadratic would be 100. Caches take their share.
            assert!(large < 40.0 * small, "{small} s, {large} s");
        }
    });
}

#[test]
fn a_long_chain_of_values_is_dropped_on_a_small_stack() {
    goroutine(|| {
        let context = (0..200_000u64).fold(background(), |context, n| context.with_value(n));
        assert_eq!(context.value(), Some(&199_999u64));
        drop(context);
    });
}
