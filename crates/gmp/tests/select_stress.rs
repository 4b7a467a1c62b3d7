//! Selects on both sides of the same channels: each value arrives once, nobody is left waiting.

mod sync_common;

use std::time::Duration;

use gmp::chan::{self, Receiver, Sender};
use gmp::select;
use sync_common::{Random, with_all_parties};

const EACH: u64 = if cfg!(debug_assertions) { 1_000 } else { 20_000 };

/// Sends `EACH` values of its own over either channel.
fn feed(me: u64, a: &Sender<u64>, b: &Sender<u64>) {
    let mut random = Random(me);
    for i in 0..EACH {
        let value = me * EACH + i;
        match random.below(3) {
            0 => {
                select! { send(a, value) -> res => res.unwrap(), send(b, value) -> res => res.unwrap() }
            }
            1 => {
                select! { send(b, value) -> res => res.unwrap(), send(a, value) -> res => res.unwrap() }
            }
            _ => loop {
                let limit = Duration::from_micros(random.below(40));
                select! {
                    send(a, value) -> res => break res.unwrap(),
                    send(b, value) -> res => break res.unwrap(),
                    send(a, value) -> res => break res.unwrap(),
                    default(limit) => {}
                }
            },
        }
    }
}

/// Receives from either until both are closed.
fn drain(me: u64, a: &Receiver<u64>, b: &Receiver<u64>) -> Vec<u64> {
    let mut random = Random(me);
    let (mut a, mut b) = (a.clone(), b.clone());
    let mut got = Vec::new();
    let mut open = 2;
    while open > 0 {
        let limit = Duration::from_micros(random.below(40));
        select! {
            recv(a) -> msg => match msg {
                Ok(value) => got.push(value),
                Err(_) => { open -= 1; a = chan::never(); }
            },
            recv(b) -> msg => match msg {
                Ok(value) => got.push(value),
                Err(_) => { open -= 1; b = chan::never(); }
            },
            default(limit) => {}
        }
    }
    got
}

fn conserve(cap_a: usize, cap_b: usize) {
    with_all_parties(|parties| {
        let ((a, ra), (b, rb)) = (chan::bounded(cap_a), chan::bounded(cap_b));
        let start = |me: usize| {
            let (a, b) = (a.clone(), b.clone());
            parties.start(me, move || feed(me as u64, &a, &b))
        };
        let feeders: Vec<_> = (0..3).map(start).collect();
        drop((a, b));
        let start = |me: usize| {
            let (ra, rb) = (ra.clone(), rb.clone());
            parties.start(me + 1, move || drain(me as u64, &ra, &rb))
        };
        let drainers: Vec<_> = (0..3).map(start).collect();
        feeders.into_iter().for_each(|f| f.join().unwrap());
        let mut all: Vec<u64> = drainers.into_iter().flat_map(|d| d.join().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..3 * EACH).collect::<Vec<_>>());
    });
}

#[test]
fn both_unbuffered() {
    conserve(0, 0);
}

#[test]
fn mixed() {
    conserve(0, 2);
    conserve(1, 3);
}

/// Promise X10.
#[test]
fn swap_partners() {
    // Everybody offers and asks on one channel: an even number of parties pair up round by round.
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded(0);
        let (sum, total) = chan::unbounded();
        parties.all(4, move |me| {
            let mut balance = 0_i64;
            for _ in 0..EACH {
                select! {
                    send(tx, me as i64) -> res => { res.unwrap(); balance += 1; }
                    recv(rx) -> msg => { assert_ne!(msg, Ok(me as i64)); balance -= 1; }
                    default(Duration::from_micros(50)) => {}
                }
            }
            sum.send(balance).unwrap();
        });
        assert_eq!(total.iter().sum::<i64>(), 0);
    });
}
