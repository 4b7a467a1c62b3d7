//! What single operations cost when nobody is in the way: `cargo bench -p gmp-benches --bench micro`, and
//! `-- NAME` for some of them.
//!
//! Criterion shows distributions and compares with the run before, which is what one wants while changing a hot path. For
//! figures beside other runtimes there is `cargo xtask bench`. Everything runs on one P, so that no hand-over between
//! cores is in it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use gmp::{chan, sync, time};

/// Runs `f` as the main goroutine of a runtime with one P.
fn on_one_p<T>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: the contract — nothing here keeps what belongs to a thread over a park; criterion's state is used by this
    // goroutine alone, while it does not wait.
    unsafe { gmp::runtime::Builder::new().max_procs(1).run(f) }
}

/// How long `n` rounds of `operation` take in a goroutine.
fn rounds<T>(n: u64, mut operation: impl FnMut() -> T + Send) -> Duration {
    on_one_p(|| {
        let start = Instant::now();
        for _ in 0..n {
            black_box(operation());
        }
        start.elapsed()
    })
}

fn goroutines(c: &mut Criterion) {
    let mut group = c.benchmark_group("goroutines");
    group.bench_function("go + join", |b| {
        b.iter_custom(|n| rounds(n, || gmp::go(|| 1).join()));
    });
    group.bench_function("yield, alone", |b| b.iter_custom(|n| rounds(n, gmp::yield_now)));
    group.bench_function("checkpoint", |b| b.iter_custom(|n| rounds(n, gmp::checkpoint)));
    group.bench_function("blocking, short", |b| {
        b.iter_custom(|n| rounds(n, || gmp::blocking(|| black_box(1))));
    });
    group.bench_function("stack::maybe_grow, enough left", |b| {
        b.iter_custom(|n| {
            rounds(n, || gmp::runtime::stack::maybe_grow(16 << 10, 1 << 20, || black_box(1)))
        });
    });
    group.finish();
}

fn channels(c: &mut Criterion) {
    let mut group = c.benchmark_group("channels");
    group.bench_function("send + recv, buffered, alone", |b| {
        let (tx, rx) = chan::bounded(1);
        b.iter_custom(|n| rounds(n, || (tx.send(1), rx.recv())));
    });
    group.bench_function("try_recv, empty", |b| {
        let (_tx, rx) = chan::bounded::<u64>(1);
        b.iter_custom(|n| rounds(n, || rx.try_recv()));
    });
    group.bench_function("select over 2, one ready", |b| {
        let (tx, rx) = chan::bounded(1);
        let never = chan::never::<u64>();
        b.iter_custom(|n| {
            rounds(n, || {
                let _ = tx.send(1_u64);
                gmp::select! { recv(rx) -> it => it, recv(never) -> it => it }
            })
        });
    });
    group.bench_function("rendezvous, one way", |b| {
        b.iter_custom(|n| {
            on_one_p(|| {
                let (tx, rx) = chan::bounded(0);
                let sender = gmp::go(move || (0..n).for_each(|i| tx.send(i).unwrap_or_default()));
                let start = Instant::now();
                assert_eq!(rx.iter().count() as u64, n);
                let elapsed = start.elapsed();
                sender.join().ok();
                elapsed
            })
        });
    });
    group.finish();
}

fn locks(c: &mut Criterion) {
    let mut group = c.benchmark_group("locks");
    group.bench_function("Mutex, free", |b| {
        let mutex = sync::Mutex::new(0_u64);
        b.iter_custom(|n| rounds(n, || *black_box(&mutex).lock() += 1));
    });
    group.bench_function("RwLock, free, read", |b| {
        let lock = sync::RwLock::new(0_u64);
        b.iter_custom(|n| rounds(n, || *black_box(&lock).read()));
    });
    group.bench_function("WaitGroup, add + done + wait", |b| {
        let group = Arc::new(sync::WaitGroup::new());
        b.iter_custom(|n| {
            rounds(n, || {
                group.add(1);
                group.done();
                group.wait();
            })
        });
    });
    group.finish();
}

fn timers(c: &mut Criterion) {
    let mut group = c.benchmark_group("timers");
    group.bench_function("arm + stop", |b| {
        b.iter_custom(|n| {
            rounds(n, || time::Timer::after_func(Duration::from_secs(9), || ()).stop())
        });
    });
    group.finish();
}

criterion_group!(all, goroutines, channels, locks, timers);
criterion_main!(all);
