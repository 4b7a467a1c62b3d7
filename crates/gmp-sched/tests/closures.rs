//! Closures and results of every size and alignment are where they belong.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{go, on};

#[derive(Debug, Clone, PartialEq)]
#[repr(align(256))]
struct Aligned([u8; 3]);

/// More than a cache line of alignment, captured and returned: not in a slot, whose lines are smaller.
#[test]
fn alignment_is_kept() {
    on(2, || {
        for i in 0..200u8 {
            let value = Aligned([i, 1, 2]);
            let back = go(move || {
                assert_eq!(std::ptr::from_ref(&value).addr() % 256, 0);
                value
            });
            assert_eq!(back.join().unwrap(), Aligned([i, 1, 2]));
        }
    });
}

#[test]
fn large_closures_and_results_come_back_whole() {
    on(2, || {
        let sizes = [go(|| vec![1u8; 10]).join().unwrap().len()];
        assert_eq!(sizes, [10]);
        let large = [7u64; 500];
        let back = go(move || large.map(|n| n + 1)).join().unwrap();
        assert_eq!(back, [8; 500]);
    });
}

/// Dropped once each: what a closure captured, and a result that nobody took, in a slot and in a box.
#[test]
fn nothing_is_dropped_twice_or_never() {
    struct Counted<const N: usize>(Arc<AtomicUsize>, [u8; N]);
    impl<const N: usize> Drop for Counted<N> {
        fn drop(&mut self) {
            self.0.fetch_add(1 + usize::from(self.1[0]), Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    on(2, || {
        let (small, large) = (dropped.clone(), dropped.clone());
        go(move || Counted(small, [0; 8])).join().map(drop).unwrap();
        go(move || Counted(large, [0; 4_000])).join().map(drop).unwrap();
        let last = go({
            let dropped = dropped.clone();
            move || {
                let inner = dropped.clone();
                // Detached: its result is dropped by itself, or by the handle that finds it done.
                drop(go(move || Counted(inner, [0; 4_000])));
            }
        });
        last.join().unwrap();
        while dropped.load(Ordering::Relaxed) < 3 {
            gmp_sched::yield_now();
        }
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

/// Newest first, but not for ever: a goroutine that has been waiting runs although newer ones keep coming.
#[test]
fn an_older_goroutine_is_not_overtaken_for_ever() {
    on(1, || {
        let ran = Arc::new(AtomicUsize::new(0));
        let old = go({
            let ran = ran.clone();
            move || ran.store(1, Ordering::Relaxed)
        });
        fn next(ran: Arc<AtomicUsize>) {
            if ran.load(Ordering::Relaxed) == 0 {
                drop(go(move || next(ran)));
            }
        }
        next(ran);
        old.join().unwrap();
    });
}
