//! Channels, `select!` and `Select`.

use std::time::Duration;

use gmp::chan::{self, Select};
use gmp::select;

use super::{both, in_all_places};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn values_go_there_and_back() {
    in_all_places(|a, b| {
        for cap in [Some(0), Some(2), None] {
            let make = || cap.map_or_else(chan::unbounded, chan::bounded);
            let ((ask, asked), (answer, answered)) = (make(), make());
            let asks = move || {
                (0..10).for_each(|i| {
                    ask.send(i).unwrap();
                    assert_eq!(answered.recv(), Ok(i * 2));
                });
                ask.close()
            };
            let answers = move || {
                let sent = asked.iter().map(|i| answer.send(i * 2).unwrap()).count();
                (sent, asked.recv())
            };
            let said = both((a, asks), (b, answers));
            assert_eq!(said, (true, (10, Err(chan::RecvError))), "{a:?} {b:?} {cap:?}");
        }
    });
}

#[test]
fn a_send_with_a_limit_meets_a_receive_with_a_limit() {
    in_all_places(|a, b| {
        let (tx, rx) = chan::bounded(0);
        let sends = move || (0..5).for_each(|i| tx.send_timeout(i, LONG).unwrap());
        let receives = move || (0..5).for_each(|i| assert_eq!(rx.recv_timeout(LONG), Ok(i)));
        both((a, sends), (b, receives));
    });
}

#[test]
fn a_time_limit_ends_a_wait() {
    in_all_places(|a, b| {
        let ((tx, rx), (_full, empty)) = (chan::bounded(0), chan::bounded::<u8>(0));
        let short = Duration::from_millis(1);
        let sends = move || tx.send_timeout(1, short).unwrap_err().is_timeout();
        let receives = move || empty.recv_timeout(short).unwrap_err().is_timeout();
        assert_eq!(both((a, sends), (b, receives)), (true, true));
        drop(rx);
    });
}

#[test]
fn selects_that_face_each_other_agree() {
    in_all_places(|a, b| {
        let ((to_b, from_a), (to_a, from_b)) = (chan::bounded(0), chan::bounded(0));
        // Each offers and asks, so each round one of the two directions is taken.
        let first = move || {
            let turn = |i| {
                select! {
                    send(to_b, i) -> res => { res.unwrap(); 1 }
                    recv(from_b) -> msg => { assert_eq!(msg, Ok(i)); -1 }
                    default(LONG) => unreachable!(),
                }
            };
            (0..20).map(turn).sum::<i32>()
        };
        let second = move || {
            let turn = |i| {
                select! {
                    send(to_a, i) -> res => { res.unwrap(); 1 }
                    recv(from_a) -> msg => { assert_eq!(msg, Ok(i)); -1 }
                }
            };
            (0..20).map(turn).sum::<i32>()
        };
        let (first, second) = both((a, first), (b, second));
        assert_eq!(first, -second, "{a:?} {b:?}");
    });
}

#[test]
fn lists_made_at_run_time_face_each_other() {
    in_all_places(|a, b| {
        let ((tx, rx), (idle, _idles)) = (chan::bounded(0), chan::bounded::<u8>(0));
        let nothing = chan::never::<u8>();
        let sends = move || {
            let mut list = Select::new();
            let (_idle, send) = (list.recv(&nothing), list.send(&tx));
            for i in 0..10 {
                let op = list.select();
                assert_eq!(op.index(), send);
                op.send(&tx, i).unwrap();
            }
        };
        let receives = move || {
            let mut list = Select::new();
            let (_idle, receive) = (list.send(&idle), list.recv(&rx));
            for i in 0..10 {
                let op = list.select_timeout(LONG).unwrap();
                assert_eq!(op.index(), receive);
                assert_eq!(op.recv(&rx), Ok(i));
            }
        };
        both((a, sends), (b, receives));
    });
}

/// Promise C14.
#[test]
fn a_close_ends_every_kind_of_wait() {
    in_all_places(|a, b| {
        let ((tx, rx), (go_on, waits)) = (chan::bounded::<u8>(0), chan::bounded(0));
        let waiter = move || {
            go_on.send(()).unwrap();
            select! { recv(rx) -> msg => msg, recv(chan::never()) -> msg => msg }.unwrap_err();
            rx.recv().unwrap_err();
            rx.recv_timeout(LONG).unwrap_err().is_closed()
        };
        let closer = move || {
            waits.recv().unwrap();
            tx.close()
        };
        assert_eq!(both((a, waiter), (b, closer)), (true, true));
    });
}
