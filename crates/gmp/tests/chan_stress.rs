//! Conservation: whatever the parties do, every value arrives once, in its sender's order, or comes back.

mod sync_common;

use std::time::Duration;

use gmp::chan::{self, Receiver, Select, Sender};
use gmp::select;
use sync_common::{Random, with_all_parties};

const PARTIES: usize = 4;

/// Sends `value` in one of many ways, until one works; false when the channel is closed.
fn send(tx: &Sender<u64>, value: u64, random: &mut Random) -> bool {
    loop {
        return match random.below(5) {
            0 => tx.send(value).is_ok(),
            1 => match tx.try_send(value) {
                Err(err) if err.is_full() => continue,
                sent => sent.is_ok(),
            },
            2 => match tx.send_timeout(value, Duration::from_micros(random.below(50))) {
                Err(err) if err.is_timeout() => continue,
                sent => sent.is_ok(),
            },
            3 => select! {
                send(tx, value) -> res => res.is_ok(),
                recv(chan::never::<()>()) -> _ => unreachable!(),
            },
            _ => {
                let mut select = Select::new();
                select.send(tx);
                select.select().send(tx, value).is_ok()
            }
        };
    }
}

/// Receives in one of many ways, until one works; `None` when the channel is closed and drained.
fn recv(rx: &Receiver<u64>, random: &mut Random) -> Option<u64> {
    loop {
        return match random.below(6) {
            0 => rx.recv().ok(),
            1 => match rx.try_recv() {
                Err(err) if err.is_empty() => continue,
                received => received.ok(),
            },
            2 => match rx.recv_timeout(Duration::from_micros(random.below(50))) {
                Err(err) if err.is_timeout() => continue,
                received => received.ok(),
            },
            3 => select! {
                recv(rx) -> msg => msg.ok(),
                recv(rx) -> msg => msg.ok(),
            },
            4 => gmp::block_on(rx.recv_async()).ok(),
            _ => {
                let mut select = Select::new();
                select.recv(rx);
                select.select().recv(rx).ok()
            }
        };
    }
}

fn conserve(make: fn() -> (Sender<u64>, Receiver<u64>), seed: u64, each: u64) {
    with_all_parties(|parties| {
        let (tx, rx) = make();
        let senders: Vec<_> = (0..PARTIES)
            .map(|s| {
                let tx = tx.clone();
                parties.start(s, move || {
                    let mut random = Random(seed + s as u64);
                    (0..each).for_each(|i| assert!(send(&tx, s as u64 * each + i, &mut random)));
                })
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..PARTIES)
            .map(|r| {
                let rx = rx.clone();
                parties.start(r + 1, move || {
                    let mut random = Random(seed + 1_000 + r as u64);
                    std::iter::from_fn(|| recv(&rx, &mut random)).collect::<Vec<_>>()
                })
            })
            .collect();
        senders.into_iter().for_each(|s| s.join().unwrap());
        let mut all = Vec::new();
        for receiver in receivers {
            let got = receiver.join().unwrap();
            for s in 0..PARTIES as u64 {
                // What one party gets of one sender is in order.
                let of = got.iter().filter(|&&v| v / each == s);
                assert!(of.is_sorted(), "seed {seed}");
            }
            all.extend(got);
        }
        all.sort_unstable();
        assert_eq!(all, (0..PARTIES as u64 * each).collect::<Vec<_>>(), "seed {seed}");
    });
}

const EACH: u64 = if cfg!(debug_assertions) { 400 } else { 4_000 };

#[test]
fn rendezvous() {
    (0..4).for_each(|seed| conserve(|| chan::bounded(0), seed, EACH));
}

#[test]
fn bounded() {
    (0..3).for_each(|seed| conserve(|| chan::bounded(1), seed, EACH));
    (0..3).for_each(|seed| conserve(|| chan::bounded(7), seed, EACH));
}

#[test]
fn unbounded() {
    (0..4).for_each(|seed| conserve(chan::unbounded, seed, EACH));
}
