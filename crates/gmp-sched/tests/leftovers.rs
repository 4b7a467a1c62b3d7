//! What a runtime reserved goes back when it ends: the next ones need no more than the first.

mod common;

use common::{go, on};

/// Address space for stacks in the process, seen from a runtime on `procs` processors.
fn reserved(procs: usize) -> usize {
    on(procs, || {
        go(|| ()).join().expect("no panic");
        gmp_sched::metrics().stack_bytes_reserved
    })
}

#[test]
fn many_runtimes_need_the_stacks_of_one() {
    let first = reserved(4);
    // If each runtime kept what it reserves, these would have 196 times as much as the first. A few keep it: those whose threads
    // are late to lay down their Ps when `run` returns, on a machine with more to do.
    let last = (0..1_000).map(|n| reserved(1 + n % 4)).max();
    assert!(last.is_some_and(|last| last <= 20 * first), "{last:?} after {first}");
}
