//! The pool: sizes and reservations are as asked, stacks come back last in first out, trimming gives memory back.

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

#[test]
fn trimming_returns_pages_and_unneeded_slabs() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 300).expect("address space");
    let stacks: Vec<Stack> = (0..300).map(|_| pool.take(SIZE)).collect();
    stacks.iter().for_each(touch);
    let mut stacks = stacks.into_iter();
    let kept = stacks.next().expect("300 of them");
    let kept_limit = kept.limit();
    stacks.for_each(|stack| pool.give(stack));
    assert_eq!(pool.trim(), 299);
    assert!(pool.stats().free >= 299, "what is reserved stays mapped");
    assert_eq!(pool.trim(), 0, "nothing was used since");
    let clean = pool.take(SIZE);
    // SAFETY: our stack; whatever it contains is a byte.
    assert_eq!(unsafe { clean.limit().read_volatile() }, 0, "its pages went back");
    pool.give(clean);
    pool.unreserve(SIZE, 299);
    pool.trim();
    assert_eq!(pool.stats().slabs, 1, "only the slab of the stack that is out remains");
    assert_eq!(kept.limit(), kept_limit);
    // SAFETY: our stack.
    assert_eq!(unsafe { kept.limit().read_volatile() }, 1, "a live stack is left alone");
    pool.give(kept);
    pool.unreserve(SIZE, 1);
    pool.trim();
    assert_eq!((pool.stats().slabs, pool.stats().bytes), (0, 0));
}

/// In portions until nothing is left; then not at all.
#[test]
fn trimming_by_and_by_returns_the_same() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 300).unwrap();
    let kept = pool.take(SIZE);
    let stacks: Vec<_> = (0..299).map(|_| pool.take(SIZE)).collect();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    let (mut portions, mut all) = (0, 0);
    loop {
        match pool.trim_some(32) {
            0 => break,
            n => (portions, all) = (portions + 1, all + n),
        }
    }
    assert!(portions > 1, "{portions} portions");
    assert_eq!(all, 299);
    assert_eq!(pool.trim(), 0, "nothing is left");
    pool.give(kept);
}

#[test]
fn what_a_stack_grew_to_is_trimmed_when_it_is_free() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 100).expect("address space");
    let stacks: Vec<Stack> = (0..100).map(|_| pool.take(SIZE)).collect();
    assert!(stacks[0].touched() <= 4096, "only its top");
    stacks.iter().for_each(touch);
    assert!(stacks.iter().all(|stack| stack.touched() == SIZE));
    stacks.into_iter().for_each(|stack| pool.give(stack));
    assert_eq!(pool.trim_deep(), 100);
    assert_eq!(pool.trim_deep(), 0, "nothing was used since");
    let stacks: Vec<Stack> = (0..100).map(|_| pool.take(SIZE)).collect();
    assert!(stacks.iter().all(|stack| stack.touched() <= 16 << 10));
    stacks.into_iter().for_each(|stack| pool.give(stack));
}
