//! The workloads: each prepares what it needs and returns what does the work so many times.

use std::hint::black_box;

use corosensei::stack::DefaultStack;
use generator::Gn;

use crate::row::Row;

/// How many coroutines stand for "more than the first-level cache holds".
const MANY: usize = 1000;
const SIZE: usize = 64 << 10;

/// Does the work so many times.
pub(crate) type Run = Box<dyn FnMut(u64)>;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) prepare: fn() -> Run,
}

/// Each group with its workloads; what is compared stands in one group.
pub(crate) const GROUPS: &[(&str, &[Workload])] = &[
    (
        RESUME,
        &[
            Workload { name: "gmp-context", prepare: || ours(1) },
            Workload { name: COROSENSEI, prepare: || theirs(1) },
            Workload { name: "generator", prepare: || generators(1) },
        ],
    ),
    (
        "resume + suspend, 1,000 in turn",
        &[
            Workload { name: "gmp-context", prepare: || ours(MANY) },
            Workload { name: COROSENSEI, prepare: || theirs(MANY) },
            Workload { name: "generator", prepare: || generators(MANY) },
        ],
    ),
    (
        "create + run + drop, pooled stack",
        &[
            Workload { name: "gmp-context", prepare: create_ours },
            Workload { name: COROSENSEI, prepare: create_theirs },
            Workload { name: "generator", prepare: create_generator },
        ],
    ),
    (
        "symmetric switch, chain",
        &[
            Workload { name: "gmp-context, 2", prepare: || row(2) },
            Workload { name: "gmp-context, 100", prepare: || row(100) },
            Workload { name: "gmp-context, 1,000", prepare: || row(MANY) },
            Workload { name: "gmp-context, 10,000", prepare: || row(10 * MANY) },
        ],
    ),
];

/// The group and the workload that chains are compared with, too.
pub(crate) const RESUME: &str = "resume + suspend";
pub(crate) const COROSENSEI: &str = "corosensei";

/// Calls `one` for each of `all` in turn, `n` times in all.
fn in_turn<T>(all: &mut [T], n: u64, mut one: impl FnMut(&mut T)) {
    let mut left = n as usize;
    while left > 0 {
        let now = left.min(all.len());
        all[..now].iter_mut().for_each(&mut one);
        left -= now;
    }
}

fn ours(count: usize) -> Run {
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            let body = |y: &gmp_context::Yielder<u64, u64>, mut given: u64| {
                loop {
                    given = y.suspend(given + 1);
                }
            };
            gmp_context::Coroutine::<u64, u64, ()>::with_stack_size(SIZE, body).expect("a stack")
        })
        .collect();
    Box::new(move |n| {
        in_turn(&mut all, n, |coroutine| {
            black_box(coroutine.resume(black_box(1)));
        });
    })
}

fn theirs(count: usize) -> Run {
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            let stack = DefaultStack::new(SIZE).expect("a stack");
            corosensei::Coroutine::<u64, u64, (), _>::with_stack(stack, |yielder, mut given| {
                loop {
                    given = yielder.suspend(given + 1);
                }
            })
        })
        .collect();
    Box::new(move |n| {
        in_turn(&mut all, n, |coroutine| {
            black_box(coroutine.resume(black_box(1)).as_yield());
        });
    })
}

/// Cancelled when it is dropped, as the crate asks for.
struct Cancelled(generator::Generator<'static, u64, u64>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn generators(count: usize) -> Run {
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            Cancelled(Gn::<u64>::new_scoped_opt(SIZE / 8, |mut scope| {
                let mut given = scope.get_yield().expect("the first value");
                loop {
                    given = scope.yield_(given + 1).expect("the next value");
                }
            }))
        })
        .collect();
    Box::new(move |n| {
        in_turn(&mut all, n, |generator| {
            black_box(generator.0.send(black_box(1)));
        });
    })
}

fn create_ours() -> Run {
    Box::new(|n| {
        for _ in 0..n {
            let mut coroutine = gmp_context::Coroutine::<u64, (), u64>::new(|_, given| given + 1);
            black_box(coroutine.resume(black_box(1)));
        }
    })
}

/// corosensei maps a stack per coroutine unless it is given one; it gets the same one again.
fn create_theirs() -> Run {
    let mut stack = Some(DefaultStack::new(256 << 10).expect("a stack"));
    Box::new(move |n| {
        for _ in 0..n {
            let now = stack.take().expect("given back below");
            let mut coroutine =
                corosensei::Coroutine::<u64, (), u64, _>::with_stack(now, |_, given| given + 1);
            black_box(coroutine.resume(black_box(1)).as_return());
            stack = Some(coroutine.into_stack());
        }
    })
}

fn create_generator() -> Run {
    Box::new(|n| {
        for _ in 0..n {
            let mut generator =
                Gn::<u64>::new_scoped(|mut scope| scope.get_yield().expect("the first value") + 1);
            black_box(generator.send(black_box(1)));
        }
    })
}

fn row(members: usize) -> Run {
    let mut row = Row::new(members);
    Box::new(move |switches| row.run(switches))
}
