//! The store-buffering litmus of `barrier.rs`: at least one side sees the other.

use super::{heavy, light};
use crate::sync::{Arc, AtomicU32, Ordering, model, thread};

#[test]
fn one_side_sees_the_other() {
    model(|| {
        let taken = Arc::new(AtomicU32::new(0));
        let back = Arc::new(AtomicU32::new(0));
        let thread = {
            let (taken, back) = (Arc::clone(&taken), Arc::clone(&back));
            thread::spawn(move || {
                back.store(1, Ordering::Relaxed);
                light();
                taken.load(Ordering::Relaxed)
            })
        };
        taken.store(1, Ordering::Relaxed);
        heavy();
        let sees_back = back.load(Ordering::Relaxed);
        let sees_taken = thread.join().unwrap();
        assert!(sees_back == 1 || sees_taken == 1, "both believe that they own it");
    });
}
