//! Resume and suspend with generator (the coroutines below may).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use generator::Gn;
use gmp_bench_contract::{Entry, run};

fn main() -> ExitCode {
    run("generator", &[Entry::Run("switch", |job| job.timed(switch))])
}

/// The coroutine yields the running sum of what it is given.
fn switch(n: u64) -> (Duration, u64) {
    let mut coroutine = Gn::<u64>::new_scoped(|mut scope| {
        let mut sum = 0_u64;
        let mut given = scope.get_yield().expect("the first value");
        loop {
            sum = sum.wrapping_add(given);
            given = scope.yield_(sum).expect("the next value");
        }
    });
    let mut last = 0;
    let start = Instant::now();
    for i in 0..n {
        last = coroutine.send(i);
    }
    let elapsed = start.elapsed();
    coroutine.cancel();
    (elapsed, last)
}
