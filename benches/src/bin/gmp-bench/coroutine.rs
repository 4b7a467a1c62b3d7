//! Resume and suspend, without a scheduler.

use std::time::{Duration, Instant};

use gmp_context::{Coroutine, Resumed};

/// The coroutine yields the running sum of what it is given, `n` times.
pub(crate) fn switch(n: u64) -> (Duration, u64) {
    let mut coroutine = Coroutine::<u64, u64, ()>::new(|yielder, mut given| {
        let mut sum = 0_u64;
        loop {
            sum = sum.wrapping_add(given);
            given = yielder.suspend(sum);
        }
    });
    let mut last = 0;
    let start = Instant::now();
    for i in 0..n {
        match coroutine.resume(i) {
            Resumed::Yielded(sum) => last = sum,
            Resumed::Returned(()) => unreachable!("it never ends"),
        }
    }
    (start.elapsed(), last)
}
