//! The run queues alone, beside what crossbeam offers for the same: `cargo bench -p gmp-sched --bench queues`.
//!
//! The text of `gmp-sched` is compiled in here as it stands; its locks' critical sections, which tell the preempter to
//! keep off, are left out, as crossbeam has nothing of the kind. Elements are pointers on both sides.

use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_deque::{Injector, Steal, Worker};

#[path = "../src/clock.rs"]
#[expect(dead_code, reason = "the queues use a part of it")]
mod clock;
#[path = "../src/lock.rs"]
#[expect(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the queues use a part of it; its tests come along"
)]
mod lock;
#[path = "../src/sync.rs"]
#[expect(dead_code, unused_imports, reason = "as above")]
mod sync;

#[path = "../src/queue/global.rs"]
#[expect(dead_code, unused_imports, reason = "as above")]
mod global;
#[path = "../src/queue/list.rs"]
#[expect(dead_code, reason = "as above")]
mod list;
#[path = "../src/queue/local.rs"]
#[expect(dead_code, unused_imports, reason = "as above")]
mod local;
#[path = "../src/testing.rs"]
mod testing;
#[path = "../src/turnstile.rs"]
#[expect(dead_code, unused_imports, reason = "its models come along")]
mod turnstile;

/// Where the queues look for each other.
mod queue {
    pub(crate) use super::list;
}

mod critical {
    /// Stands in for a critical section.
    #[derive(Debug)]
    pub(crate) struct Critical;

    pub(crate) fn critical() -> Critical {
        Critical
    }
}

mod sys {
    pub(crate) fn cpu_yield() {
        std::thread::yield_now();
    }

    pub(crate) fn nap() {
        std::thread::yield_now();
    }
}

use global::Global;
use list::{Linked, List};
use local::{Batch, Ring, Tagged};

/// An element, as far as queues know a goroutine.
struct Item {
    link: *mut Item,
}

// SAFETY: one location per object.
unsafe impl Linked for Item {
    fn link(this: NonNull<Self>) -> *mut *mut Self {
        // SAFETY: items live as long as the bench.
        unsafe { &raw mut (*this.as_ptr()).link }
    }
}

/// What crossbeam's queues hold.
#[derive(Clone, Copy)]
struct Raw(#[expect(dead_code, reason = "queues move it; nobody looks")] NonNull<Item>);

// SAFETY: never dereferenced.
unsafe impl Send for Raw {}

/// `n` items that stay.
fn items(n: usize) -> &'static [Item] {
    Vec::leak((0..n).map(|_| Item { link: ptr::null_mut() }).collect())
}

fn pointers(n: usize) -> Vec<NonNull<Item>> {
    items(n).iter().map(NonNull::from).collect()
}

/// Push and pop by the owner: one at a time, and by the batch.
fn owner(c: &mut Criterion) {
    let all = pointers(128);
    for n in [1, 128] {
        let mut group = c.benchmark_group(format!("owner: push {n}, pop {n}"));
        let ring: Ring<Item> = Ring::new();
        group.bench_function("gmp", |b| {
            // SAFETY: this thread alone uses the ring.
            let mut owner = unsafe { ring.owner() };
            b.iter(|| {
                for &item in &all[..n] {
                    let _ = owner.push(Tagged::new(black_box(item), false));
                }
                for _ in 0..n {
                    black_box(owner.pop());
                }
            });
        });
        let worker = Worker::new_fifo();
        group.bench_function("crossbeam", |b| {
            b.iter(|| {
                all[..n].iter().for_each(|&item| worker.push(Raw(black_box(item))));
                for _ in 0..n {
                    black_box(worker.pop());
                }
            });
        });
    }
}

/// Half of a backlog of 64, moved to the thief's own queue.
fn steal(c: &mut Criterion) {
    let all = pointers(64);
    let mut group = c.benchmark_group("thief: 32 of 64, and all popped");
    let (victim, thief): (Ring<Item>, Ring<Item>) = (Ring::new(), Ring::new());
    group.bench_function("gmp", |b| {
        // SAFETY: this thread alone uses either ring.
        let mut owner = unsafe { victim.owner() };
        // SAFETY: as above.
        let mut mine = unsafe { thief.owner() };
        b.iter(|| {
            all.iter().for_each(|&item| drop(owner.push(Tagged::new(item, false))));
            let mut batch = Batch::new();
            victim.steal_half(&mut batch);
            batch.drain().for_each(|item| drop(mine.push(item)));
            while black_box(mine.pop()).is_some() {}
            while black_box(owner.pop()).is_some() {}
        });
    });
    let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
    let stealer = victim.stealer();
    group.bench_function("crossbeam", |b| {
        b.iter(|| {
            all.iter().for_each(|&item| victim.push(Raw(item)));
            while stealer.steal_batch_with_limit(&thief, 32).is_retry() {}
            while black_box(thief.pop()).is_some() {}
            while black_box(victim.pop()).is_some() {}
        });
    });
}

/// Runs `thief` on another thread for as long as `owner` takes to run `n` rounds; returns the owner's time.
fn against(n: u64, mut owner: impl FnMut(), mut thief: impl FnMut() + Send) -> Duration {
    let (start, done) = (&Barrier::new(2), &AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(move || {
            start.wait();
            // Relaxed: a flag that nothing depends on.
            while !done.load(Ordering::Relaxed) {
                thief();
            }
        });
        start.wait();
        let begun = Instant::now();
        (0..n).for_each(|_| owner());
        let elapsed = begun.elapsed();
        done.store(true, Ordering::Relaxed); // Relaxed: as above.
        elapsed
    })
}

/// The owner's push and pop of 64 while a thief on another core takes halves as fast as it can.
fn contended(c: &mut Criterion) {
    let all = pointers(64);
    let mut group = c.benchmark_group("owner: push 64, pop all, beside a thief");
    group.bench_function("gmp", |b| {
        b.iter_custom(|n| {
            let ring: Ring<Item> = Ring::new();
            let work = || {
                // SAFETY: one thread calls this.
                let mut owner = unsafe { ring.owner() };
                all.iter().for_each(|&item| drop(owner.push(Tagged::new(item, false))));
                while black_box(owner.pop()).is_some() {}
            };
            against(n, work, || {
                let mut batch = Batch::new();
                black_box(ring.steal_half(&mut batch));
            })
        });
    });
    group.bench_function("crossbeam", |b| {
        b.iter_custom(|n| {
            let worker = Worker::new_fifo();
            let stealer = worker.stealer();
            let work = || {
                all.iter().for_each(|&item| worker.push(Raw(item)));
                while black_box(worker.pop()).is_some() {}
            };
            against(n, work, move || {
                let mine = Worker::new_fifo();
                let _ = black_box(stealer.steal_batch_with_limit(&mine, 32));
            })
        });
    });
}

/// The queue that all share: one at a time, and 32 as a chain.
fn global(c: &mut Criterion) {
    let all = pointers(32);
    for n in [1, 32] {
        let mut group = c.benchmark_group(format!("global: put {n}, take {n}"));
        let queue: Global<Item> = Global::new();
        group.bench_function("gmp", |b| {
            b.iter(|| {
                let mut chain = List::new();
                all[..n].iter().for_each(|&item| chain.push(item));
                queue.push_all(&mut chain);
                let mut taken = queue.take(n);
                while black_box(taken.pop()).is_some() {}
            });
        });
        let (injector, worker) = (Injector::new(), Worker::new_fifo());
        group.bench_function("crossbeam", |b| {
            b.iter(|| {
                all[..n].iter().for_each(|&item| injector.push(Raw(item)));
                let mut left = n;
                while left > 0 {
                    if let Steal::Success(item) =
                        injector.steal_batch_with_limit_and_pop(&worker, n)
                    {
                        black_box(item);
                        left -= 1;
                    }
                    while black_box(worker.pop()).is_some() {
                        left -= 1;
                    }
                }
            });
        });
    }
}

criterion_group!(benches, owner, steal, contended, global);
criterion_main!(benches);
