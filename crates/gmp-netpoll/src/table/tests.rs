//! The table's free list: nobody gets a slot twice, generations move on, places are where `locate` says.

#[cfg(not(loom))]
use std::collections::HashSet;

use super::Table;
use crate::sync::{Arc, AtomicU32, Ordering, model, thread};

/// Marks a slot as used by one; panics if it is used already.
fn claim(users: &[AtomicU32], index: u32) {
    // Relaxed: a count of users, checked by its own exchange.
    assert_eq!(users[index as usize].swap(1, Ordering::Relaxed), 0, "slot {index} given out twice");
}

fn leave(users: &[AtomicU32], index: u32) {
    // Relaxed: as in `claim`.
    users[index as usize].store(0, Ordering::Relaxed);
}

/// Takes and releases against each other, with two free slots to begin with: the counted head keeps a slot
/// from being handed out twice when it is popped and pushed back in between.
#[test]
fn no_slot_has_two_users() {
    model(|| {
        let table = Arc::new(Table::new());
        let users: Arc<Vec<AtomicU32>> = Arc::new((0..4).map(|_| AtomicU32::new(0)).collect());
        let (a, b) = (table.take().unwrap().0, table.take().unwrap().0);
        table.release(a);
        table.release(b);
        let other = {
            let (table, users) = (table.clone(), users.clone());
            thread::spawn(move || {
                let first = table.take().unwrap().0;
                claim(&users, first);
                let second = table.take().unwrap().0;
                claim(&users, second);
                leave(&users, first);
                table.release(first);
                second
            })
        };
        let mine = table.take().unwrap().0;
        claim(&users, mine);
        let theirs = other.join().unwrap();
        let last = table.take().unwrap().0;
        claim(&users, last);
        assert!(mine != theirs && last != mine && last != theirs);
    });
}

#[cfg(not(loom))]
#[test]
fn a_released_slot_has_a_new_generation() {
    let table = Table::new();
    let (index, slot) = table.take().unwrap();
    let before = slot.generation();
    table.release(index);
    let (again, slot) = table.take().unwrap();
    assert_eq!(again, index);
    assert_ne!(slot.generation(), before);
}

#[cfg(not(loom))]
#[test]
fn many_slots_are_distinct_and_found_again() {
    let table = Table::new();
    let slots: Vec<_> = (0..100_000).map(|_| table.take().unwrap()).collect();
    let places: HashSet<_> = slots.iter().map(|(_, slot)| std::ptr::from_ref(*slot)).collect();
    assert_eq!(places.len(), slots.len());
    for (index, slot) in &slots {
        assert!(std::ptr::eq(table.get(*index).unwrap(), *slot));
    }
    assert!(table.get(u32::MAX - 1).is_none());
}

#[cfg(not(loom))]
#[test]
fn a_hang_up_belongs_to_one_generation() {
    use crate::desc::Direction::{Read, Write};
    let table = Table::new();
    let (_, slot) = table.take().unwrap();
    assert!(!slot.hung_up(Read, slot.generation()));
    slot.note_hang_up(Read, slot.generation());
    assert!(slot.hung_up(Read, slot.generation()) && !slot.hung_up(Write, slot.generation()));
    assert!(!slot.hung_up(Read, slot.generation() + 1));
}
