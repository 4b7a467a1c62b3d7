//! What every measured program and the harness agree on.
//!
//! A measured program runs one workload once and prints one JSON line per measured quantity:
//!
//! ```text
//! $ gmp-bench pingpong --procs 2 --size 1000000
//! {"workload":"pingpong","runtime":"gmp","procs":2,"n":1000000,"unit":"ns/op","value":71.3,"check":"7a11f"}
//! ```
//!
//! The programs of all runtimes must print the same `check` for the same workload and size; the
//! harness refuses to compare them otherwise. What each workload does is said once, in
//! `benches/README.md`; the table here holds the sizes, units and goals.
//!
//! Code map: [`workloads`] is the table, [`program`] the `main` of a measured program, [`stats`]
//! percentiles and medians, [`procfs`] what Linux says about a process, [`timers`] the numbers of `timers_*`, [`waits`] the time
//! that runs take by definition.

pub mod procfs;
pub mod program;
pub mod stats;
pub mod timers;
pub mod waits;
pub mod workloads;

pub use program::{Entry, Job, Outcome, run};

/// So many steps of a xorshift generator from `x`; each depends on the one before, so that no
/// compiler makes less of it than another. About 2 ns per step.
#[must_use]
#[inline(never)]
pub fn xorshift(mut x: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}
