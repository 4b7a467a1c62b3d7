//! Who closes a channel, and what happens to what is in it (go.md C9; drop semantics).

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::chan::{self, RecvError, SendError};
use sync_common::{until, with_all_parties};

/// Counts its drops.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (Arc<AtomicUsize>, impl Fn() -> Counted) {
    let count = Arc::new(AtomicUsize::new(0));
    let make = {
        let count = Arc::clone(&count);
        move || Counted(Arc::clone(&count))
    };
    (count, make)
}

#[test]
fn c9_close_wakes_everybody_who_waits() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded::<u32>(0);
        let waiting = Arc::new(AtomicUsize::new(0));
        let receivers: Vec<_> = (0..6)
            .map(|i| {
                let (rx, waiting) = (rx.clone(), Arc::clone(&waiting));
                parties.start(i, move || {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    rx.recv()
                })
            })
            .collect();
        until(|| waiting.load(Ordering::Relaxed) == 6);
        assert!(tx.close());
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Err(RecvError));
        }

        let (tx, rx) = chan::bounded(1);
        tx.send(0).unwrap();
        let senders: Vec<_> = (1..6)
            .map(|i| {
                let tx = tx.clone();
                parties.start(i, move || tx.send(i))
            })
            .collect();
        drop(rx);
        for (i, sender) in senders.into_iter().enumerate() {
            assert_eq!(sender.join().unwrap(), Err(SendError(i + 1)));
        }
    });
}

#[test]
fn the_last_sender_closes_and_what_was_sent_is_received() {
    for (tx, rx) in [chan::bounded(4), chan::unbounded()] {
        let other = tx.clone();
        tx.send(1).unwrap();
        drop(tx);
        assert!(!rx.is_closed());
        other.send(2).unwrap();
        drop(other);
        assert!(rx.is_closed());
        assert_eq!(rx.into_iter().collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn the_last_receiver_closes_and_drops_what_was_sent() {
    for (tx, rx) in [chan::bounded(100), chan::unbounded()] {
        let (count, make) = counter();
        let other = rx.clone();
        (0..100).for_each(|_| tx.send(make()).unwrap());
        drop(rx);
        assert_eq!((tx.is_closed(), count.load(Ordering::Relaxed)), (false, 0));
        drop(other);
        assert_eq!((tx.is_closed(), count.load(Ordering::Relaxed)), (true, 100));
        let SendError(back) = tx.send(make()).unwrap_err();
        assert_eq!(count.load(Ordering::Relaxed), 100);
        drop(back);
        assert_eq!(count.load(Ordering::Relaxed), 101);
    }
}

#[test]
fn values_are_dropped_once_whoever_goes_first() {
    for cap in [1, 3, 200] {
        let (count, make) = counter();
        let (tx, rx) = chan::bounded(cap);
        (0..cap).for_each(|_| tx.send(make()).unwrap());
        assert!(tx.try_send(make()).is_err());
        drop(rx.recv());
        drop(tx);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        drop(rx);
        assert_eq!(count.load(Ordering::Relaxed), cap + 1);
    }
}

#[test]
fn a_channel_that_holds_its_own_ends_is_freed() {
    #[expect(dead_code, reason = "the value owns them")]
    struct Ends(Option<chan::Sender<Ends>>, Counted);
    let (count, make) = counter();
    let (tx, rx) = chan::unbounded();
    tx.send(Ends(Some(tx.clone()), make())).unwrap();
    tx.send(Ends(None, make())).unwrap();
    drop(tx);
    assert_eq!(count.load(Ordering::Relaxed), 0);
    drop(rx);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_others() {
    struct Bomb(bool, #[expect(dead_code, reason = "counts its drop")] Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "boom");
        }
    }
    for (tx, rx) in [chan::bounded(10), chan::unbounded()] {
        let (count, make) = counter();
        (0..10).for_each(|i| assert!(tx.send(Bomb(i == 3, make())).is_ok()));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
        assert_eq!(count.load(Ordering::Relaxed), 10);
        assert!(tx.is_closed());
    }
}
