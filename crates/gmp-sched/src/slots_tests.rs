//! Slots: no slot is handed out twice, whoever takes and whoever gives back.

use std::collections::HashSet;

use super::*;

/// A size that only these tests use, so that what they count is theirs.
const SIZE: usize = 13 * STEP;

#[test]
fn slots_do_not_overlap_and_come_back() {
    let cache = Cache::new();
    let mut live = HashSet::new();
    for _ in 0..5 {
        for _ in 0..10 * BATCH {
            let slot = cache.take(SIZE).as_ptr().addr();
            assert_eq!(slot % STEP, 0);
            assert!(live.insert(slot), "handed out twice");
        }
        let mut sorted: Vec<_> = live.iter().copied().collect();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|w| w[1] - w[0] >= SIZE), "slots overlap");
        for slot in live.drain() {
            let slot = NonNull::new(ptr::with_exposed_provenance_mut(slot)).expect("an address");
            cache.put(slot, SIZE);
        }
    }
}

#[test]
fn what_one_cache_frees_another_one_uses() {
    const SIZE: usize = 14 * STEP;
    let (a, b) = (Cache::new(), Cache::new());
    let first: HashSet<_> = (0..8 * BATCH).map(|_| a.take(SIZE)).collect();
    first.iter().for_each(|&slot| b.put(slot, SIZE));
    let second: HashSet<_> = (0..8 * BATCH).map(|_| a.take(SIZE)).collect();
    // All but what `b` may hold back: two magazines.
    assert!(first.intersection(&second).count() >= 6 * BATCH);
}

#[test]
fn threads_without_a_p_share_slots() {
    const SIZE: usize = 15 * STEP;
    let slots: Vec<_> = (0..3 * BATCH).map(|_| take_shared(SIZE)).collect();
    assert_eq!(slots.iter().collect::<HashSet<_>>().len(), slots.len());
    slots.iter().for_each(|&slot| put_shared(slot, SIZE));
    let cache = Cache::new();
    let again: HashSet<_> = (0..3 * BATCH).map(|_| cache.take(SIZE)).collect();
    assert_eq!(slots.iter().filter(|s| again.contains(s)).count(), slots.len());
}
