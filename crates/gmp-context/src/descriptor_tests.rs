//! A reader finds one slab's words or nothing, and who owns a descriptor is alone with it.

use super::*;
use crate::sync::{Arc, AtomicBool, AtomicUsize, Cell, model, thread};

fn free() -> Descriptor<AtomicUsize> {
    let [state, start, first, class, slots] = [(); 5].map(|()| AtomicUsize::new(0));
    Descriptor { state, start, first, class, slots }
}

/// Of one number, so that words of two extents show.
fn extent(number: u32) -> Extent {
    Extent { start: number as usize, first: number as usize, class: number, slots: number }
}

fn describing(extent: Extent) -> Descriptor<AtomicUsize> {
    let descriptor = free();
    assert!(descriptor.claim());
    descriptor.publish(extent);
    descriptor
}

/// The end of one slab and, if nobody else was faster, another one in its descriptor.
fn reuse(descriptor: &Descriptor<AtomicUsize>, next: Extent, unmap: impl FnOnce()) {
    descriptor.withdraw(unmap);
    descriptor.retire();
    if descriptor.claim() {
        descriptor.publish(next);
    }
}

/// Runs `here` and `there` on two threads.
fn beside<T: Send + Sync + 'static>(shared: T, there: fn(&T), here: impl FnOnce(&T)) {
    let shared = Arc::new(shared);
    let other = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || there(&shared))
    };
    here(&shared);
    other.join().unwrap();
}

#[test]
fn model_words_of_one_slab_are_read() {
    model(|| {
        beside(
            describing(extent(1)),
            |descriptor| reuse(descriptor, extent(2), || ()),
            |descriptor| {
                let read = descriptor.read();
                assert!([None, Some(extent(1)), Some(extent(2))].contains(&read), "{read:?}");
            },
        );
    });
}

/// Two slabs, the second right above the first, whose descriptor comes to describe a longer one elsewhere. For as long as the
/// second is mapped each of its addresses is found in it, and in no mixture of the two others.
#[test]
fn model_an_address_in_use_is_found_in_its_slab() {
    let slab = |start, slots| Extent { start, first: start, class: 0, slots };
    let holds = |e: &Extent, address| (e.start..e.start + e.slots as usize).contains(&address);
    model(move || {
        let (below, above) = (slab(10, 5), slab(15, 5));
        beside(
            [describing(below), describing(above)],
            |[below, _]| reuse(below, Extent { start: 30, first: 30, class: 0, slots: 10 }, || ()),
            |both| {
                let found = both.iter().filter_map(Descriptor::read).find(|e| holds(e, 17));
                assert_eq!(found, Some(above));
            },
        );
    });
}

/// What is mapped where a slab was is not found in it by who has got to know of that.
#[test]
fn model_a_slab_is_forgotten_before_it_is_unmapped() {
    model(|| {
        beside(
            (describing(extent(1)), AtomicBool::new(true)),
            |(descriptor, mapped)| {
                // Release: pairs with Acquire below, as the kernel's lock on the address space would.
                reuse(descriptor, extent(2), || mapped.store(false, Ordering::Release));
            },
            |(descriptor, mapped)| {
                // Acquire: pairs with Release above; the address is this thread's from here on.
                if !mapped.load(Ordering::Acquire) {
                    assert_ne!(descriptor.read(), Some(extent(1)));
                }
            },
        );
    });
}

/// What belongs to a descriptor.
struct Owned(Descriptor<AtomicUsize>, Cell<u32>);

// SAFETY: the cell is its owner's; that there is one at a time is what the model checks.
unsafe impl Sync for Owned {}

/// Uses it, if it is free.
fn own(Owned(descriptor, count): &Owned) {
    if descriptor.claim() {
        count.set(count.get() + 1);
        descriptor.retire();
    }
}

#[test]
fn model_an_owner_is_alone() {
    model(|| {
        beside(Owned(free(), Cell::new(0)), own, |shared| {
            own(shared);
            own(shared);
        });
    });
}

#[test]
fn what_was_claimed_in_vain_can_be_claimed_again() {
    model(|| {
        let descriptor = free();
        for _ in 0..3 {
            assert!(descriptor.claim());
            assert!(!descriptor.claim(), "it is somebody's");
            assert_eq!(descriptor.read(), None);
            descriptor.retire();
        }
        assert!(descriptor.claim());
        descriptor.publish(extent(3));
        assert_eq!(descriptor.read(), Some(extent(3)));
        assert!(!descriptor.claim(), "it describes something");
    });
}
