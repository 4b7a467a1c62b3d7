//! The plain way through `wait`, `core`, `node` and `flow` in every interleaving: who comes second finds who came first, and nobody
//! waits for what is there.

use super::super::sync::{commit_elsewhere, model, thread};
use super::super::{Receiver, bounded};

/// Nobody waits any more on either side.
fn assert_left<T>(rx: &Receiver<T>) {
    let core = rx.core().expect("a channel");
    let st = core.lock();
    assert!(st.receivers.is_empty() && st.senders.is_empty(), "a node was left behind");
}

/// One value from thread to thread, and one back; the receiver's commits run `elsewhere`, if asked.
fn there_and_back(cap: usize, elsewhere: bool) {
    model(move || {
        let ((there, rx), (back, answer)) = (bounded(cap), bounded(cap));
        let other = thread::spawn(move || {
            if elsewhere {
                commit_elsewhere();
            }
            let value: u8 = rx.recv().unwrap();
            back.send(value + 1).unwrap();
            assert_left(&rx);
        });
        there.send(1).unwrap();
        assert_eq!(answer.recv(), Ok(2));
        other.join().unwrap();
        assert_left(&answer);
    });
}

#[test]
fn a_value_goes_from_hand_to_hand_and_an_answer_comes_back() {
    there_and_back(0, false);
}

#[test]
fn a_value_goes_to_one_whose_commit_goes_on() {
    there_and_back(0, true);
}

#[test]
fn a_value_goes_through_a_buffer_and_an_answer_comes_back() {
    there_and_back(1, false);
}

#[test]
fn of_two_senders_to_one_place_each_is_received() {
    model(|| {
        let (tx, rx) = bounded(1);
        let another = tx.clone();
        let first = thread::spawn(move || tx.send(1).unwrap());
        let second = thread::spawn(move || another.send(2).unwrap());
        assert_eq!(rx.recv().unwrap() + rx.recv().unwrap(), 3);
        first.join().unwrap();
        second.join().unwrap();
        assert_left(&rx);
    });
}

#[test]
fn a_close_ends_the_wait_of_a_sender_or_comes_first() {
    model(|| {
        let (tx, rx) = bounded(0);
        let sender = thread::spawn(move || tx.send(7));
        assert!(rx.close());
        assert_eq!(sender.join().unwrap().unwrap_err().0, 7, "the value comes back");
        assert_left(&rx);
    });
}
