//! The cache in front of a pool: last in, first out; gives back what is too much, and everything in the end.

use std::thread;

use gmp_context::{Coroutine, Resumed, Stack, StackCache, StackPool, Yielder};

const SIZE: usize = 64 << 10;

#[test]
fn the_last_given_is_the_first_taken() {
    static POOL: StackPool = StackPool::new();
    let cache = StackCache::new(&POOL);
    let (one, other) = (cache.take(SIZE).expect("a stack"), cache.take(SIZE).expect("a stack"));
    let (first, second) = (one.limit(), other.limit());
    assert_ne!(first, second);
    cache.give(one);
    cache.give(other);
    let again = cache.take(SIZE).expect("a stack");
    assert_eq!(again.limit(), second);
    let larger = cache.take(2 * SIZE).expect("a stack of another size");
    assert_eq!((again.size(), larger.size()), (SIZE, 2 * SIZE));
    cache.give(again);
    cache.give(larger);
    assert_eq!(POOL.stats().live, 3);
    drop(cache);
    assert_eq!((POOL.stats().live, POOL.stats().reserved), (0, 0));
}

#[test]
fn it_keeps_a_few_and_gives_back_the_rest() {
    static POOL: StackPool = StackPool::new();
    let cache = StackCache::new(&POOL);
    let stacks: Vec<Stack> = (0..2000).map(|_| cache.take(SIZE).expect("a stack")).collect();
    let slabs = POOL.stats().slabs;
    stacks.into_iter().for_each(|stack| cache.give(stack));
    let kept = POOL.stats().live;
    assert!((1..100).contains(&kept), "{kept} are still cached");
    assert!(POOL.stats().slabs < slabs, "slabs are released after a peak, without being asked");
    drop(cache);
    assert_eq!(POOL.stats().live, 0);
}

#[test]
fn another_pools_stack_is_refused() {
    static OURS: StackPool = StackPool::new();
    static THEIRS: StackPool = StackPool::new();
    let stack = StackCache::new(&THEIRS).take(SIZE).expect("a stack");
    let ours = StackCache::new(&OURS);
    let given = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ours.give(stack)));
    assert!(given.is_err());
}

#[test]
fn coroutines_work_while_a_thread_ends() {
    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            let mut late = Coroutine::new(|y: &Yielder<(), u32>, ()| {
                y.suspend(1);
                2
            });
            assert_eq!(late.resume(()), Resumed::Yielded(1));
            assert_eq!(late.resume(()), Resumed::Returned(2));
        }
    }
    thread_local! {
        static FIRST: AtExit = const { AtExit };
    }
    // Registered before the thread's cache of stacks, so dropped after it; and the other way round.
    thread::spawn(|| {
        FIRST.with(|_| ());
        drop(Coroutine::new(|_: &Yielder<(), ()>, ()| ()));
    })
    .join()
    .expect("no panic at the end of the thread");
    thread::spawn(|| {
        drop(Coroutine::new(|_: &Yielder<(), ()>, ()| ()));
        FIRST.with(|_| ());
    })
    .join()
    .expect("no panic at the end of the thread");
}
