//! Two selects that face each other, and a third party: one winner, nothing lost, nothing used too late.
//!
//! The channels are reduced to what the protocol of a select rests on: a lock per queue of waiters, nodes in
//! the queues, and one claim per select that is not guarded by any one of the locks.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};

/// A lock that loom knows.
#[cfg(loom)]
use loom::sync::Mutex;
#[cfg(not(loom))]
use std::sync::Mutex;

/// One wait: at both channels, with one claim.
struct Wait {
    claim: Claim,
    /// What was handed over, and by how many.
    got: Mutex<Vec<u32>>,
}

/// Who waits to receive, and what waits to be received.
#[derive(Default)]
struct Channel(Mutex<(Vec<Arc<Wait>>, Vec<u32>)>);

impl Channel {
    /// A plain send: to the first who still waits, else it stays here.
    fn send(&self, token: usize, value: u32) {
        let mut state = self.0.lock().unwrap();
        while let Some(waiter) = state.0.pop() {
            if waiter.claim.try_claim(token) {
                drop(state);
                waiter.got.lock().unwrap().push(value);
                return;
            }
        }
        state.1.push(value);
    }
}

/// A select that receives from both: locks both, looks, else waits at both; then withdraws.
fn receive_from_either(channels: &[Channel; 2], wait: &Arc<Wait>) -> u32 {
    {
        let mut first = channels[0].0.lock().unwrap();
        let mut second = channels[1].0.lock().unwrap();
        if let Some(value) = first.1.pop().or_else(|| second.1.pop()) {
            return value;
        }
        first.0.push(Arc::clone(wait));
        second.0.push(Arc::clone(wait));
    }
    while wait.got.lock().unwrap().is_empty() {
        thread::yield_now();
    }
    for channel in channels {
        channel.0.lock().unwrap().0.retain(|other| !Arc::ptr_eq(other, wait));
    }
    assert!((1..=2).contains(&wait.claim.winner()));
    wait.got.lock().unwrap()[0]
}

#[test]
fn a_select_between_two_senders_has_one_winner() {
    model(|| {
        let channels: Arc<[Channel; 2]> = Arc::default();
        let wait = Arc::new(Wait { claim: Claim::new(), got: Mutex::default() });
        let senders: Vec<_> = (0..2)
            .map(|i| {
                let channels = Arc::clone(&channels);
                thread::spawn(move || channels[i].send(i + 1, i as u32))
            })
            .collect();
        let got = receive_from_either(&channels, &wait);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert!(wait.got.lock().unwrap().len() <= 1, "two have won");
        let mut left = Vec::new();
        for channel in channels.iter() {
            let mut state = channel.0.lock().unwrap();
            assert!(state.0.is_empty(), "a node was left behind");
            left.append(&mut state.1);
        }
        assert_eq!(left, [1 - got], "the other value waits");
    });
}

/// What became of a select that faces another.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Sent,
    Received(u32),
    TimedOut,
}

/// One wait of such a select.
struct Facing {
    claim: Claim,
    end: Mutex<Option<End>>,
}

/// Those who wait to send, with their values, and those who wait to receive.
#[derive(Default)]
struct Pair(Mutex<Sides>);

#[derive(Default)]
struct Sides {
    senders: Vec<(Arc<Facing>, u32)>,
    receivers: Vec<Arc<Facing>>,
}

/// Sends `value` to `channels[me]` or receives from the other one.
fn face(channels: &[Pair; 2], me: usize, value: u32, wait: &Arc<Facing>) -> End {
    let token = me + 1;
    {
        let mut first = channels[0].0.lock().unwrap();
        let mut second = channels[1].0.lock().unwrap();
        let (to, from) =
            if me == 0 { (&mut *first, &mut *second) } else { (&mut *second, &mut *first) };
        while let Some(peer) = to.receivers.pop() {
            if peer.claim.try_claim(token) {
                *peer.end.lock().unwrap() = Some(End::Received(value));
                return End::Sent;
            }
        }
        while let Some((peer, theirs)) = from.senders.pop() {
            if peer.claim.try_claim(token) {
                *peer.end.lock().unwrap() = Some(End::Sent);
                return End::Received(theirs);
            }
        }
        to.senders.push((Arc::clone(wait), value));
        from.receivers.push(Arc::clone(wait));
    }
    let end = loop {
        if let Some(end) = *wait.end.lock().unwrap() {
            break end;
        }
        if wait.claim.winner() == Claim::TIMED_OUT {
            break End::TimedOut;
        }
        thread::yield_now();
    };
    for channel in channels {
        let mut sides = channel.0.lock().unwrap();
        sides.senders.retain(|(other, _)| !Arc::ptr_eq(other, wait));
        sides.receivers.retain(|other| !Arc::ptr_eq(other, wait));
    }
    end
}

/// Promise X10.
#[test]
fn two_selects_that_face_each_other_agree() {
    model(|| {
        let channels: Arc<[Pair; 2]> = Arc::default();
        let waits: [Arc<Facing>; 2] = std::array::from_fn(|_| {
            Arc::new(Facing { claim: Claim::new(), end: Mutex::default() })
        });
        let ends: Vec<_> = (0..2)
            .map(|me| {
                let (channels, wait) = (Arc::clone(&channels), Arc::clone(&waits[me]));
                thread::spawn(move || face(&channels, me, 10 + me as u32, &wait))
            })
            .collect();
        // The clock, which needs no lock of a channel, ends the first one's wait at any moment; the second
        // one's only if it has to.
        let first_timed_out = waits[0].claim.claim(Claim::TIMED_OUT);
        let mut ends = ends.into_iter();
        let first = ends.next().unwrap().join().unwrap();
        if first == End::TimedOut {
            waits[1].claim.claim(Claim::TIMED_OUT);
        }
        let second = ends.next().unwrap().join().unwrap();
        match (first, second) {
            (End::Sent, End::Received(10)) | (End::Received(11), End::Sent) => {}
            (End::TimedOut, End::TimedOut) => assert!(first_timed_out),
            ends => panic!("they disagree: {ends:?}"),
        }
        for channel in channels.iter() {
            let sides = channel.0.lock().unwrap();
            assert!(sides.senders.is_empty() && sides.receivers.is_empty(), "left behind");
        }
    });
}
