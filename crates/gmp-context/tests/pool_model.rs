//! The pool against a model: any sequence of reserve, take, give, unreserve and trim over a few sizes.

use std::collections::HashMap;

use gmp_context::{Stack, StackPool};
use proptest::prelude::*;

const SIZES: [usize; 3] = [16 << 10, 64 << 10, 1 << 20];

#[derive(Clone, Debug)]
enum Step {
    Reserve { size: usize, n: usize },
    Unreserve { size: usize, n: usize },
    Take { size: usize },
    Give { which: prop::sample::Index },
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop::sample::select(&SIZES[..]);
    prop_oneof![
        2 => (size(), 0..90_usize).prop_map(|(size, n)| Step::Reserve { size, n }),
        1 => (size(), 0..90_usize).prop_map(|(size, n)| Step::Unreserve { size, n }),
        8 => size().prop_map(|size| Step::Take { size }),
        6 => any::<prop::sample::Index>().prop_map(|which| Step::Give { which }),
        1 => Just(Step::Trim),
    ]
}

/// Marks a stack as the `n`th handed out.
fn mark(stack: &Stack, n: u64) {
    // SAFETY: the lowest word of a stack that is ours.
    unsafe { stack.limit().cast::<u64>().write(n) };
}

fn marked(stack: &Stack) -> u64 {
    // SAFETY: as in `mark`, which came before.
    unsafe { stack.limit().cast::<u64>().read() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn it_keeps_its_books(steps in prop::collection::vec(step(), 1..300)) {
        let pool = StackPool::new();
        let mut reserved: HashMap<usize, usize> = HashMap::new();
        let mut live: Vec<(Stack, u64)> = Vec::new();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Reserve { size, n } => {
                    pool.reserve(size, n).expect("address space");
                    *reserved.entry(size).or_default() += n;
                }
                Step::Unreserve { size, n } => {
                    let left = reserved.entry(size).or_default();
                    let n = n.min(*left);
                    pool.unreserve(size, n);
                    *left -= n;
                }
                Step::Take { size } => {
                    let left = reserved.entry(size).or_default();
                    if *left > 0 {
                        *left -= 1;
                        let stack = pool.take(size);
                        prop_assert_eq!(stack.size(), size);
                        newest += 1;
                        mark(&stack, newest);
                        live.push((stack, newest));
                    }
                }
                Step::Give { which } => {
                    if !live.is_empty() {
                        let (stack, n) = live.swap_remove(which.index(live.len()));
                        prop_assert_eq!(marked(&stack), n, "somebody else wrote to it");
                        *reserved.entry(stack.size()).or_default() += 1;
                        pool.give(stack);
                    }
                }
                Step::Trim => {
                    pool.trim();
                }
            }
            let stats = pool.stats();
            prop_assert_eq!(stats.live, live.len());
            prop_assert_eq!(stats.reserved, reserved.values().sum::<usize>());
            prop_assert!(stats.free >= stats.reserved);
        }
        let live_sizes: Vec<usize> = live.iter().map(|(stack, _)| stack.size()).collect();
        for (stack, n) in live {
            prop_assert_eq!(marked(&stack), n);
            pool.give(stack);
        }
        for (size, n) in reserved {
            pool.unreserve(size, n);
        }
        for size in SIZES {
            pool.unreserve(size, live_sizes.iter().filter(|live| **live == size).count());
        }
        pool.trim();
        prop_assert_eq!(pool.stats().bytes, 0, "all of it is unmapped in the end");
    }
}
