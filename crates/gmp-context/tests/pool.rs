//! The pool: sizes and reservations are as asked, stacks come back last in first out.

use std::collections::HashSet;
use std::io::ErrorKind;

use gmp_context::{Stack, StackPool};

const SIZE: usize = 64 << 10;

fn reserve_and_take(pool: &StackPool, size: usize) -> Stack {
    pool.reserve(size, 1).expect("address space");
    pool.take(size)
}

/// Writes to both ends of a stack.
fn touch(stack: &Stack) {
    // SAFETY: the lowest byte of a stack that is ours.
    unsafe { stack.limit().write_volatile(1) };
    let highest = stack.top().as_ptr().wrapping_sub(1);
    // SAFETY: the highest byte of a stack that is ours.
    unsafe { highest.write_volatile(2) };
}

#[test]
fn sizes_are_rounded_up_and_tops_are_aligned() {
    let pool = StackPool::new();
    for (asked, got) in [(1, 16 << 10), (16 << 10, 16 << 10), (65_537, 1 << 17), (1 << 33, 1 << 33)]
    {
        let stack = reserve_and_take(&pool, asked);
        assert_eq!(stack.size(), got);
        touch(&stack);
        let used = stack.top().addr().get() - stack.limit().addr().get();
        assert_eq!(stack.top().addr().get() % 16, 0);
        assert!(used <= got && used >= got - 1024, "{used} of {got}");
        pool.give(stack);
    }
    assert_eq!(pool.reserve(usize::MAX, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(pool.reserve((64 << 30) + 1, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_last_given_is_the_first_taken() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 200).expect("address space"); // several slabs
    let stacks: Vec<Stack> = (0..200).map(|_| pool.take(SIZE)).collect();
    let limits: Vec<_> = stacks.iter().map(Stack::limit).collect();
    assert_eq!(limits.iter().collect::<HashSet<_>>().len(), 200, "no stack twice");
    for stack in stacks {
        let limit = stack.limit();
        pool.give(stack);
        let again = pool.take(SIZE);
        assert_eq!(again.limit(), limit);
        pool.give(again);
    }
    let last = pool.take(SIZE);
    assert_eq!(Some(&last.limit()), limits.last());
    pool.give(last);
}

#[test]
fn reservations_are_counted() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 3).expect("address space");
    let (first, second) = (pool.take(SIZE), pool.take(SIZE));
    let stats = pool.stats();
    assert_eq!((stats.live, stats.reserved, stats.slabs), (2, 1, 1));
    pool.give(first);
    assert_eq!(pool.stats().reserved, 2);
    pool.unreserve(SIZE, 2);
    pool.give(second);
    pool.unreserve(SIZE, 1);
    let stats = pool.stats();
    assert_eq!((stats.live, stats.reserved), (0, 0));
    assert!(stats.free >= 3 && stats.bytes > stats.free * SIZE);
    let unreserved = std::panic::catch_unwind(|| pool.unreserve(SIZE, 1));
    assert!(unreserved.is_err());
    let taken = std::panic::catch_unwind(|| pool.take(SIZE));
    assert!(taken.is_err(), "free stacks that nobody reserved are not handed out");
}

#[test]
fn another_pools_stack_is_refused() {
    let (ours, theirs) = (StackPool::new(), StackPool::new());
    let mine = reserve_and_take(&ours, SIZE);
    theirs.reserve(SIZE, 1).expect("address space");
    let given = std::panic::catch_unwind(|| theirs.give(mine));
    assert!(given.is_err());
    assert_eq!(theirs.stats().live, 0);
}
