//! Trimming a pool: pages and slabs that nobody needs go back, what is live or reserved stays.

use std::panic;

use gmp_context::{Stack, StackPool};

const SIZE: usize = 64 << 10;

/// Writes to both ends of a stack.
fn touch(stack: &Stack) {
    // SAFETY: the lowest byte of a stack that is ours.
    unsafe { stack.limit().write_volatile(1) };
    let highest = stack.top().as_ptr().wrapping_sub(1);
    // SAFETY: the highest byte of a stack that is ours.
    unsafe { highest.write_volatile(2) };
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

#[test]
fn some_are_trimmed_at_a_time_until_all_are() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 200).expect("address space"); // several slabs
    let stacks: Vec<Stack> = (0..200).map(|_| pool.take(SIZE)).collect();
    assert_eq!(pool.trim_some(1000), 0, "none is free");
    stacks.iter().for_each(touch);
    stacks.into_iter().for_each(|stack| pool.give(stack));
    assert_eq!([pool.trim_some(0), pool.trim_some(70), pool.trim_some(70)], [0, 70, 70]);
    pool.give(pool.take(SIZE));
    assert!(
        (60..=61).contains(&pool.trim_some(1000)),
        "the rest, and the last if it was among the others"
    );
    assert_eq!(pool.trim_some(1000), 0);
    assert_eq!(pool.stats().live, 0);
    let stacks: Vec<Stack> = (0..200).map(|_| pool.take(SIZE)).collect();
    assert!(stacks.iter().all(|stack| stack.touched() <= 16 << 10));
    stacks.into_iter().for_each(|stack| pool.give(stack));
    pool.unreserve(SIZE, 200);
    let mut asked = 0;
    pool.trim_while(|| {
        asked += 1;
        asked <= 1
    });
    assert!((1..3).contains(&pool.stats().slabs), "{:?}", pool.stats());
}

/// In portions until nothing is left; then not at all.
#[test]
fn portions_give_back_the_same() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 300).expect("address space");
    let kept = pool.take(SIZE);
    let stacks: Vec<_> = (0..299).map(|_| pool.take(SIZE)).collect();
    stacks.iter().for_each(touch);
    stacks.into_iter().for_each(|stack| pool.give(stack));
    let (mut portions, mut all) = (0, 0);
    loop {
        match pool.trim_portion(32) {
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
fn a_panic_ends_the_trimming_and_nothing_else() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 10).expect("address space");
    let stacks: Vec<Stack> = (0..10).map(|_| pool.take(SIZE)).collect();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    let tired = panic::catch_unwind(|| pool.trim_while(|| panic::resume_unwind(Box::new("tired"))));
    assert!(tired.is_err());
    assert_eq!(pool.trim(), 10);
}
