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

/// A ring of executions, each of which switches to the next: no owner in between.
struct Ring {
    contexts: Vec<Option<gmp_context::Context>>,
    hops: u64,
    main: Option<gmp_context::Context>,
}

unsafe extern "C" fn keep(leaving: gmp_context::Context, slot: *mut ()) {
    // SAFETY: every switch below passes the address of such a slot, which outlives it.
    unsafe { slot.cast::<Option<gmp_context::Context>>().write(Some(leaving)) };
}

/// Its word is the ring; its number is the slot that is empty when it starts.
unsafe extern "C" fn member(
    leaving: gmp_context::Context,
    commit: gmp_context::Commit,
    arg: *mut (),
    word: *mut (),
) -> ! {
    // SAFETY: the contract of an entry.
    unsafe { commit(leaving, arg) };
    // SAFETY: the ring outlives all members, and only who runs touches it.
    let ring = unsafe { &mut *word.cast::<Ring>() };
    let me = ring.contexts.iter().position(Option::is_none).expect("one is being started");
    let mine = (&raw mut ring.contexts[me]).cast();
    let back = ring.main.take().expect("the main side is suspended");
    // SAFETY: suspended, taken, so used once; `keep` suits the slot.
    unsafe { gmp_context::switch(back, keep, mine, word) };
    let next = if me + 1 == ring.contexts.len() { 0 } else { me + 1 };
    // Far enough ahead that its lines arrive in time, and its page's translation.
    let after = (me + 8) % ring.contexts.len();
    loop {
        if ring.hops == 0 {
            let back = ring.main.take().expect("the main side is suspended");
            // SAFETY: as above.
            unsafe { gmp_context::switch(back, keep, mine, word) };
        }
        ring.hops -= 1;
        if let Some(after) = ring.contexts[after] {
            gmp_context::prefetch(after.as_ptr());
            gmp_context::prefetch(after.as_ptr().wrapping_add(64));
        }
        let target = ring.contexts[next].take().expect("the next one is suspended");
        // SAFETY: as above.
        unsafe { gmp_context::switch(target, keep, mine, word) };
    }
}

impl Ring {
    fn new(members: usize) -> Box<Ring> {
        static POOL: gmp_context::StackPool = gmp_context::StackPool::new();
        let contexts = Vec::with_capacity(members);
        let mut ring = Box::new(Ring { contexts, hops: 0, main: None });
        for _ in 0..members {
            POOL.reserve(64 << 10, 1).expect("address space");
            let stack = POOL.take(64 << 10);
            // SAFETY: a fresh stack, which is leaked with what stands on it.
            let fresh = unsafe { gmp_context::prepare(stack.top(), member) };
            std::mem::forget(stack);
            ring.contexts.push(None);
            ring.enter(fresh);
        }
        ring
    }

    fn enter(&mut self, target: gmp_context::Context) {
        let (main, word) = (&raw mut self.main, &raw mut *self);
        // SAFETY: suspended and used once; whoever comes back takes `main`.
        unsafe { gmp_context::switch(target, keep, main.cast(), word.cast()) };
    }

    /// So many switches from member to member.
    fn run(&mut self, hops: u64) {
        self.hops = hops;
        let first = self.contexts[0].take().expect("the first one is suspended");
        self.enter(first);
    }
}

/// One hop in a ring of executions, beside the round trip above: what a scheduler pays to go from one to the next.
fn chain(c: &mut Criterion) {
    let mut group = c.benchmark_group("symmetric switch, ring");
    for members in [2, 1000] {
        let mut ring = Ring::new(members);
        group.bench_function(members.to_string(), |b| {
            b.iter_custom(|hops| {
                let start = std::time::Instant::now();
                ring.run(hops);
                start.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, resume, chain, create);
criterion_main!(benches);
