//! Goroutines without I/O, channels or preemption: a parallel sum by fork and join.
//!
//! `cargo run --release -p gmp-sched --example bare`

use std::io::Write;
use std::time::Instant;

use gmp_sched::{Config, Options, metrics, run, spawn};

/// Adds up `from..to`, splitting until the pieces are small.
fn sum(from: u64, to: u64) -> u64 {
    if to - from <= 10_000 {
        return (from..to).sum();
    }
    let middle = from + (to - from) / 2;
    let right = spawn(Options::default(), move || sum(middle, to)).expect("a stack");
    sum(from, middle) + right.join().expect("no panic")
}

fn main() -> std::io::Result<()> {
    // SAFETY: no thread-local is kept over a park.
    unsafe {
        run(Config::default(), || {
            let begun = Instant::now();
            let total = sum(0, 100_000_000);
            let m = metrics();
            writeln!(
                std::io::stdout(),
                "{total} by {} goroutines on {} processors in {:?}, {} of them stolen",
                m.total.spawned,
                m.procs.len(),
                begun.elapsed(),
                m.total.stolen
            )
        })
    }
}
