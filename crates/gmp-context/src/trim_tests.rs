//! How far a walk gets, and what it looks at.

use crate::{Stack, StackPool};

const SIZE: usize = 64 << 10;

/// Slots that walks have looked at so far, in slabs that they have not been around yet.
fn looked_at(pool: &StackPool) -> usize {
    let mut looked = 0;
    for class in &pool.classes {
        let class = class.lock();
        let mut next = class.slabs;
        while let Some(slab) = next {
            looked += slab.state.swept.get() as usize;
            next = slab.state.next.get();
        }
    }
    looked
}

#[test]
fn portions_look_at_each_slot_once() {
    let pool = StackPool::new();
    pool.reserve(SIZE, 512).expect("address space"); // several slabs
    let stacks: Vec<Stack> = (0..512).map(|_| pool.take(SIZE)).collect();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    assert!(pool.stats().slabs > 2);
    for portion in 1..=16 {
        assert_eq!(pool.trim_portion(32), 32);
        assert_eq!(looked_at(&pool), 32 * portion);
    }
    assert_eq!((pool.trim_portion(32), looked_at(&pool)), (0, 512), "nothing is left");
    pool.give(pool.take(SIZE));
    assert_eq!((pool.trim_some(32), pool.trim_portion(32)), (1, 1), "its depth, then its top");
}
