//! Resume and suspend with corosensei.

use std::process::ExitCode;
use std::time::Instant;

use corosensei::{Coroutine, CoroutineResult};
use gmp_bench_contract::{Entry, run};

fn main() -> ExitCode {
    run("corosensei", &[Entry::Run("switch", |job| job.timed(switch))])
}

/// The coroutine yields the running sum of what it is given.
fn switch(n: u64) -> (std::time::Duration, u64) {
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
            CoroutineResult::Yield(sum) => last = sum,
            CoroutineResult::Return(()) => unreachable!("it never ends"),
        }
    }
    (start.elapsed(), last)
}
