//! The text of `gather`, `core`, `node` and `flow` in every interleaving: selects that face each other, senders, a close.

use super::super::sync::{commit_elsewhere, model, thread};
use super::super::{Receiver, Sender, bounded, never};
use crate::select;

/// Nobody waits any more on either side.
fn assert_left<T>(rx: &Receiver<T>) {
    let core = rx.core().expect("a channel");
    let st = core.lock();
    assert!(st.receivers.is_empty() && st.senders.is_empty(), "a node was left behind");
}

/// Offers `value` and asks for another one. The long way only, if `biased`.
fn face(tx: &Sender<u8>, rx: &Receiver<u8>, value: u8, biased: bool) -> Option<u8> {
    if biased {
        return select! {
            biased;
            send(tx, value) -> res => { res.unwrap(); None }
            recv(rx) -> msg => Some(msg.unwrap()),
        };
    }
    select! {
        send(tx, value) -> res => { res.unwrap(); None }
        recv(rx) -> msg => Some(msg.unwrap()),
    }
}

fn facing(biased: bool) {
    model(move || {
        let ((x, rx), (y, ry)) = (bounded(0), bounded(0));
        let (their_rx, their_y) = (rx.clone(), y.clone());
        let other = thread::spawn(move || face(&their_y, &their_rx, 2, biased));
        let mine = face(&x, &ry, 1, biased);
        let theirs = other.join().unwrap();
        let agree = matches!((mine, theirs), (None, Some(1)) | (Some(2), None));
        assert!(agree, "they disagree: {mine:?}, {theirs:?}");
        assert_left(&rx);
        assert_left(&ry);
    });
}

#[test]
fn two_selects_on_the_long_way_that_face_each_other_exchange_one_value() {
    facing(true);
}

#[test]
fn two_selects_that_face_each_other_exchange_one_value() {
    facing(false);
}

/// A select over two channels, `elsewhere` if its commit runs on another stack, and a sender for each.
fn between_senders(elsewhere: bool) {
    model(move || {
        let ((a, ra), (b, rb)) = (bounded(0), bounded(0));
        let first = thread::spawn(move || a.send(1).unwrap());
        let second = thread::spawn(move || b.send(2).unwrap());
        if elsewhere {
            commit_elsewhere();
        }
        let (got, rest) = select! {
            biased;
            recv(ra) -> msg => (msg.unwrap(), &rb),
            recv(rb) -> msg => (msg.unwrap(), &ra),
        };
        assert_eq!(got + rest.recv().unwrap(), 3);
        first.join().unwrap();
        second.join().unwrap();
        assert_left(&ra);
        assert_left(&rb);
    });
}

#[test]
fn of_two_senders_one_wins_and_the_other_waits() {
    between_senders(false);
}

#[test]
fn of_two_senders_one_wins_while_the_commit_goes_on() {
    between_senders(true);
}

#[test]
fn a_select_is_resumed_while_its_commit_goes_on() {
    model(|| {
        let ((a, ra), (_b, rb)) = (bounded(0), bounded::<u8>(0));
        let sender = thread::spawn(move || a.send(1).unwrap());
        commit_elsewhere();
        let got = select! {
            biased;
            recv(ra) -> msg => msg.unwrap(),
            recv(rb) -> msg => msg.unwrap(),
        };
        assert_eq!(got, 1);
        sender.join().unwrap();
        assert_left(&ra);
        assert_left(&rb);
    });
}

#[test]
fn a_close_and_a_send_race_for_a_select() {
    model(|| {
        let ((a, ra), (b, rb)) = (bounded::<u8>(0), bounded(0));
        let closer = thread::spawn(move || assert!(a.close()));
        let sender = thread::spawn(move || b.send(2).is_ok());
        let got = select! {
            recv(ra) -> msg => msg.ok(),
            recv(rb) -> msg => Some(msg.unwrap()),
            recv(never::<u8>()) -> msg => msg.ok(),
        };
        if got.is_none() {
            assert_eq!(rb.recv(), Ok(2));
        }
        closer.join().unwrap();
        assert!(sender.join().unwrap());
        assert!(ra.recv().is_err());
        assert_left(&ra);
        assert_left(&rb);
    });
}
