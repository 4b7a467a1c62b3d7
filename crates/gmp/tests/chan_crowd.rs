//! What a channel owes to a crowd, after the ideas of crossbeam-channel's own tests.

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::chan::{self, Select};
use gmp::select;
use sync_common::with_all_parties;

const ROUNDS: usize = if cfg!(debug_assertions) { 500 } else { 10_000 };
const LONG: Duration = Duration::from_secs(60);

/// Who has put something in finds something in it: somebody else's, or his own.
#[test]
fn what_each_has_added_each_can_take() {
    with_all_parties(|parties| {
        for cap in [Some(4), None] {
            let (tx, rx) = cap.map_or_else(chan::unbounded, chan::bounded);
            parties.all(4, move |me| {
                for i in 0..ROUNDS {
                    match i % 3 {
                        0 => tx.send(me).unwrap(),
                        1 => tx.try_send(me).unwrap(),
                        _ => select! { send(tx, me) -> res => res.unwrap(), default => panic!("there is room") },
                    }
                    match i % 2 {
                        0 => rx.try_recv().unwrap(),
                        _ => select! { recv(rx) -> msg => msg.unwrap(), default => panic!("there is one") },
                    };
                }
            });
        }
    });
}

/// The length is never beyond the capacity, and what it says can be had by who is alone on his side.
#[test]
fn lengths_are_true() {
    with_all_parties(|parties| {
        const CAP: usize = 5;
        let (tx, rx) = chan::bounded(CAP);
        let sums = parties.all(2, move |me| {
            (0..ROUNDS).fold(0, |sum, i| {
                let len = if me == 0 { tx.len() } else { rx.len() };
                assert!(len <= CAP);
                match me {
                    // Room that one sees is there: nobody else sends.
                    0 if len < CAP => tx.try_send(i).map(|()| sum + i).unwrap(),
                    0 => tx.send(i).map(|()| sum + i).unwrap(),
                    _ if len > 0 => sum + rx.try_recv().unwrap(),
                    _ => sum + rx.recv().unwrap(),
                }
            })
        });
        assert_eq!(sums[0], sums[1]);
    });
}

/// A value that is needed for a send may come from a receive on the spot, and operands may select themselves.
#[test]
fn operations_nest() {
    with_all_parties(|parties| {
        let ((a, ra), (b, rb)) = (chan::bounded(0), chan::bounded(0));
        let relay = parties.start(0, move || {
            for _ in 0..10 {
                b.send(ra.recv().unwrap()).unwrap();
            }
            select! {
                send(b, select! { recv(ra) -> msg => msg.unwrap() }) -> res => res.unwrap(),
            }
        });
        let party = parties.start(1, move || {
            for i in 0..11 {
                a.send(i).unwrap();
                assert_eq!(rb.recv(), Ok(i));
            }
        });
        [relay, party].into_iter().for_each(|party| party.join().unwrap());
    });
}

/// A channel that is used once.
#[test]
fn channels_for_one_message() {
    with_all_parties(|parties| {
        for i in 0..ROUNDS / 5 {
            let (tx, rx) = chan::bounded(i % 2);
            let sends = parties.start(0, move || tx.send(i).unwrap());
            let receives = parties.start(1, move || (rx.recv(), rx.recv().is_err()));
            sends.join().unwrap();
            assert_eq!(receives.join().unwrap(), (Ok(i), true));
        }
    });
}

/// Two that wait with short limits and give up by turns lose nothing and give nothing twice.
#[test]
fn limits_on_both_sides() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded(0);
        let refused = Arc::new(AtomicUsize::new(0));
        let sums = parties.all(2, move |me| {
            let until = Instant::now() + LONG;
            let (mut i, mut sum) = (0, 0);
            while i < ROUNDS / 5 {
                assert!(Instant::now() < until);
                let limit = Duration::from_micros((i % 7) as u64 * 10);
                let moved = match me {
                    0 => tx.send_timeout(i, limit).map(|()| i).ok(),
                    _ => rx.recv_timeout(limit).ok(),
                };
                match moved {
                    Some(value) => (i, sum) = (i + 1, sum + value),
                    // Relaxed: a count.
                    None => _ = refused.fetch_add(1, Ordering::Relaxed),
                }
            }
            sum
        });
        assert_eq!(sums[0], sums[1]);
    });
}

/// What is closed is taken out of a list.
#[test]
fn a_list_shrinks_as_channels_close() {
    with_all_parties(|parties| {
        let ((a, ra), (b, rb)) = (chan::bounded(1), chan::bounded(0));
        let first = parties.start(0, move || (0..20).for_each(|i| a.send(i).unwrap()));
        let second = parties.start(1, move || (20..40).for_each(|i| b.send(i).unwrap()));
        let receivers = [ra, rb];
        let mut list = Select::new();
        receivers.iter().for_each(|rx| _ = list.recv(rx));
        let (mut sum, mut open) = (0, 2);
        while open > 0 {
            let op = list.select();
            let index = op.index();
            match op.recv(&receivers[index]) {
                Ok(value) => sum += value,
                Err(_) => (open, _) = (open - 1, list.remove(index)),
            }
        }
        assert_eq!(sum, (0..40).sum::<i32>());
        assert!(list.try_select().is_err());
        [first, second].into_iter().for_each(|party| party.join().unwrap());
    });
}
