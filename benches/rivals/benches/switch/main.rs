//! Resume + suspend, create + run + drop, chains of executions: gmp-context beside corosensei and generator.
//!
//! `cargo bench -p gmp-benches --bench switch` starts it. Criterion takes one workload after the other and shows the
//! distributions; the table at the end takes all of them in turn, round by round, so that whatever happens to the
//! machine meanwhile happens to all.

mod row;
mod table;
mod workloads;

use std::time::Instant;

use criterion::{Criterion, criterion_group};
use workloads::{GROUPS, Workload};

fn all(c: &mut Criterion) {
    for (group, workloads) in GROUPS {
        let mut group = c.benchmark_group(*group);
        for Workload { name, prepare } in *workloads {
            // Prepared inside, so that a filter on the command line prepares what it asks for only.
            group.bench_function(*name, |b| {
                let mut run = prepare();
                b.iter_custom(|n| {
                    let start = Instant::now();
                    run(n);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, all);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    // Not when cargo only asks what there is.
    if !std::env::args().any(|arg| arg == "--list") {
        table::print();
    }
}
