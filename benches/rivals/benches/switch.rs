//! Resume + suspend, create + run + drop: gmp-context beside corosensei and generator.
//!
//! `cargo bench --manifest-path benches/rivals/Cargo.toml`. The workload `switch` measures the same in a
//! plain loop; criterion shows the distribution.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use generator::Gn;

fn resume(c: &mut Criterion) {
    let mut group = c.benchmark_group("resume + suspend");
    let mut ours = gmp_context::Coroutine::<u64, u64, ()>::new(|yielder, mut given| {
        loop {
            given = yielder.suspend(given + 1);
        }
    });
    group.bench_function("gmp-context", |b| {
        b.iter(|| match ours.resume(black_box(1)) {
            gmp_context::Resumed::Yielded(value) => value,
            gmp_context::Resumed::Returned(()) => unreachable!("it never ends"),
        });
    });
    let mut theirs = corosensei::Coroutine::<u64, u64, ()>::new(|yielder, mut given| {
        loop {
            given = yielder.suspend(given + 1);
        }
    });
    group.bench_function("corosensei", |b| b.iter(|| theirs.resume(black_box(1)).as_yield()));
    let mut generator = Gn::<u64>::new_scoped(|mut scope| {
        let mut given = scope.get_yield().expect("the first value");
        loop {
            given = scope.yield_(given + 1).expect("the next value");
        }
    });
    group.bench_function("generator", |b| b.iter(|| generator.send(black_box(1))));
    generator.cancel();
    group.finish();
}

fn create(c: &mut Criterion) {
    let mut group = c.benchmark_group("create + run + drop");
    group.bench_function("gmp-context", |b| {
        b.iter(|| {
            let mut coroutine = gmp_context::Coroutine::<u64, (), u64>::new(|_, given| given + 1);
            match coroutine.resume(black_box(1)) {
                gmp_context::Resumed::Returned(value) => value,
                gmp_context::Resumed::Yielded(()) => unreachable!("it never suspends"),
            }
        });
    });
    // corosensei maps a stack per coroutine unless it is given one; it gets the same one again.
    let mut stack = Some(corosensei::stack::DefaultStack::new(256 << 10).expect("a stack"));
    group.bench_function("corosensei", |b| {
        b.iter(|| {
            let stack_now = stack.take().expect("given back below");
            let mut coroutine =
                corosensei::Coroutine::<u64, (), u64, _>::with_stack(stack_now, |_, given| {
                    given + 1
                });
            let value = coroutine.resume(black_box(1)).as_return();
            stack = Some(coroutine.into_stack());
            value
        });
    });
    group.bench_function("generator", |b| {
        b.iter(|| {
            let mut coroutine =
                Gn::<u64>::new_scoped(|mut scope| scope.get_yield().expect("the first value") + 1);
            coroutine.send(black_box(1))
        });
    });
    group.finish();
}

criterion_group!(benches, resume, create);
criterion_main!(benches);
