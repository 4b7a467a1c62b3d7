//! What happens before what (go.md C7, C11), and that a refusal is explicable (C13).

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use gmp::chan;
use sync_common::with_all_parties;

#[test]
fn c7_values_of_one_sender_arrive_in_order() {
    with_all_parties(|parties| {
        for cap in [0, 1, 10] {
            let (tx, rx) = chan::bounded(cap);
            let sender = parties.start(0, move || (0..2_000).for_each(|i| tx.send(i).unwrap()));
            let receiver = parties.start(1, move || rx.iter().collect::<Vec<i32>>());
            sender.join().unwrap();
            assert_eq!(receiver.join().unwrap(), (0..2_000).collect::<Vec<_>>());
        }
    });
}

#[test]
fn c11_a_send_happens_before_its_receive() {
    with_all_parties(|parties| {
        for (tx, rx) in [chan::bounded(0), chan::bounded(3), chan::unbounded()] {
            let data = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&data);
            let sender = parties.start(1, move || {
                for i in 1..=500 {
                    theirs.store(i, Relaxed);
                    tx.send(i).unwrap();
                }
            });
            for i in rx.iter() {
                assert!(data.load(Relaxed) >= i);
            }
            sender.join().unwrap();
        }
    });
}

#[test]
fn c11_a_close_happens_before_the_receive_that_reports_it() {
    with_all_parties(|parties| {
        for _ in 0..100 {
            let (tx, rx) = chan::bounded::<()>(1);
            let data = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&data);
            let closer = parties.start(1, move || {
                theirs.store(1, Relaxed);
                tx.close();
            });
            assert!(rx.recv().is_err());
            assert_eq!(data.load(Relaxed), 1);
            closer.join().unwrap();
        }
    });
}

#[test]
fn c11_a_channel_of_capacity_c_is_a_semaphore_of_c() {
    // The k-th receive happens before the (k+C)-th send returns: at most C are inside.
    with_all_parties(|parties| {
        const C: usize = 2;
        let (tx, rx) = chan::bounded(C);
        let inside = Arc::new(AtomicUsize::new(0));
        parties.all(5, move |_| {
            for _ in 0..200 {
                tx.send(()).unwrap();
                assert!(inside.fetch_add(1, Relaxed) < C);
                gmp::yield_now();
                inside.fetch_sub(1, Relaxed);
                rx.recv().unwrap();
            }
        });
    });
}

#[test]
fn c11_at_capacity_0_the_receive_happens_before_the_send_returns() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded(0);
        let data = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&data);
        let receiver = parties.start(1, move || {
            for i in 1..=500 {
                theirs.store(i, Relaxed);
                rx.recv().unwrap();
            }
        });
        for i in 1..=500 {
            tx.send(()).unwrap();
            assert!(data.load(Relaxed) >= i);
        }
        receiver.join().unwrap();
    });
}

#[test]
fn c13_two_parties_cannot_both_be_refused() {
    // Each sends on its own channel and then looks into the other's. In every order of the four
    // operations the one that looks last finds something.
    let rounds = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
    // Where two threads seldom run at once, each meeting takes a slice of the kernel's: as many rounds as time allows.
    let end = Instant::now() + Duration::from_secs(5);
    let over = AtomicBool::new(false);
    let (a, ra) = chan::bounded(1);
    let (b, rb) = chan::bounded(1);
    let arrived = AtomicUsize::new(0);
    let meet = |at: usize| {
        // Spinning, so that both go on at the same moment.
        arrived.fetch_add(1, SeqCst);
        let mut spins = 0_u32;
        while arrived.load(SeqCst) < 2 * at {
            spins += 1;
            if spins % 1_000 == 0 {
                std::thread::yield_now();
            }
        }
    };
    let play = |mine: &chan::Sender<()>, own: &chan::Receiver<()>, theirs: &chan::Receiver<()>| {
        let mut refused = Vec::with_capacity(rounds);
        for round in 0..rounds {
            // By both, before they meet: what they read afterwards is the same.
            if Instant::now() > end {
                over.store(true, SeqCst);
            }
            meet(2 * round + 1);
            if round > 100 && over.load(SeqCst) {
                break;
            }
            mine.send(()).unwrap();
            refused.push(theirs.try_recv().is_err());
            meet(2 * round + 2);
            // What the other has not found is taken back.
            let _ = own.try_recv();
        }
        refused
    };
    let (one, two) = std::thread::scope(|s| {
        let other = s.spawn(|| play(&b, &rb, &ra));
        (play(&a, &ra, &rb), other.join().unwrap())
    });
    assert_eq!(one.iter().zip(&two).position(|(&one, &two)| one && two), None);
}
