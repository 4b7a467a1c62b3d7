//! `goroutine_local!`: each goroutine has a value of its own, wherever it runs, until it ends.

mod sync_common;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::chan::{self, Sender};
use sync_common::with_all_parties;

gmp::goroutine_local! {
    /// With a comment, and visible elsewhere.
    pub static COUNT: Cell<u32> = const { Cell::new(7) };
    static WORDS: RefCell<Vec<usize>> = RefCell::new(Vec::new());
    static FAREWELL: RefCell<Option<Farewell>> = RefCell::new(None)
}

/// Waits when it is dropped: until somebody has heard it.
struct Farewell(Sender<u32>);

impl Drop for Farewell {
    fn drop(&mut self) {
        // Another value, maybe made now.
        self.0.send(COUNT.get()).unwrap();
    }
}

#[test]
fn each_party_has_its_own_across_parks() {
    with_all_parties(|parties| {
        let sums = parties.all(8, |me| {
            assert_eq!(COUNT.replace(me as u32), 7);
            for i in 0..50 {
                WORDS.with_borrow_mut(|words| {
                    words.push(i);
                    // Held over a park: the value goes with the goroutine.
                    gmp::yield_now();
                });
                COUNT.set(COUNT.get() + 1);
            }
            assert_eq!(COUNT.with(Cell::get), me as u32 + 50);
            WORDS.with_borrow(|words| words.iter().sum::<usize>())
        });
        assert_eq!(sums, [49 * 50 / 2; 8]);
    });
}

#[test]
fn a_goroutine_begins_anew_on_a_stack_that_was_used() {
    with_all_parties(|parties| {
        for _ in 0..20 {
            let seen = parties.all(2, |_| COUNT.take());
            assert_eq!(seen, [7, 7]);
        }
    });
}

#[test]
fn values_are_dropped_at_the_end_and_may_wait_there() {
    with_all_parties(|parties| {
        // A plain thread's are dropped with its other thread-locals, where nothing may wait.
        if !matches!(parties, sync_common::Parties::Goroutines) {
            return;
        }
        for panics in [false, true] {
            let (tx, heard) = chan::bounded(0);
            let party = parties.start(0, move || {
                COUNT.set(3);
                FAREWELL.with_borrow_mut(|farewell| *farewell = Some(Farewell(tx)));
                assert!(!panics, "on purpose");
            });
            assert!([3, 7].contains(&heard.recv().unwrap()));
            assert_eq!(party.join().is_err(), panics);
        }
    });
}

#[test]
fn a_value_is_made_once_by_an_initialiser_that_uses_others() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    gmp::goroutine_local!(static OTHER: Arc<u32> = {
        // Relaxed: a count.
        MADE.fetch_add(1, Ordering::Relaxed);
        Arc::new(COUNT.get() + 1)
    });
    with_all_parties(|parties| {
        // Relaxed: nobody else counts meanwhile.
        let before = MADE.load(Ordering::Relaxed);
        parties.all(3, |_| (0..3).for_each(|_| OTHER.with(|other| assert_eq!(**other, 8))));
        // Relaxed: ordered by the joins.
        assert_eq!(MADE.load(Ordering::Relaxed) - before, 3);
    });
}
