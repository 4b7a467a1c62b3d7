//! The table of operations and states of go.md 1.4 (C1 to C6, C10, C12), with Rust's errors for Go's panics.

mod sync_common;

use std::time::Duration;

use gmp::chan::{
    self, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use sync_common::{goroutine, with_all_parties};

const SHORT: Duration = Duration::from_millis(2);

#[test]
fn c1_send_waits_succeeds_or_fails() {
    with_all_parties(|parties| {
        for cap in [0, 1, 3] {
            let (tx, rx) = chan::bounded(cap);
            for i in 0..cap {
                assert_eq!(tx.send(i), Ok(()));
            }
            assert_eq!(tx.send_timeout(99, SHORT), Err(SendTimeoutError::Timeout(99)));
            let receiver =
                parties.start(1, move || (rx.iter().take(cap + 1).collect::<Vec<_>>(), rx));
            tx.send(cap).unwrap();
            let (got, rx) = receiver.join().unwrap();
            assert_eq!(got, (0..=cap).collect::<Vec<_>>());
            assert!(rx.close());
            assert_eq!(tx.send(1), Err(SendError(1)));
            assert_eq!(tx.send_timeout(1, SHORT), Err(SendTimeoutError::Closed(1)));
        }
    });
}

#[test]
fn c2_receive_drains_a_closed_channel_and_then_fails_for_ever() {
    for (tx, rx) in [chan::bounded(8), chan::unbounded()] {
        (0..5).for_each(|i| tx.send(i).unwrap());
        tx.close();
        assert_eq!(tx.send(5), Err(SendError(5)));
        assert_eq!((rx.len(), rx.is_closed()), (5, true));
        assert_eq!(rx.recv(), Ok(0));
        assert_eq!(rx.try_recv(), Ok(1));
        assert_eq!(rx.recv_timeout(SHORT), Ok(2));
        assert_eq!(rx.iter().collect::<Vec<_>>(), [3, 4]);
        for _ in 0..2 {
            assert_eq!(rx.recv(), Err(RecvError));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
            assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Closed));
        }
    }
}

#[test]
fn c3_close_is_done_once_from_either_side() {
    let (tx, rx) = chan::bounded::<i32>(1);
    assert!(!tx.is_closed() && !rx.is_closed());
    assert!(tx.clone().close());
    assert!(!tx.close() && !rx.close());
    assert!(tx.is_closed() && rx.is_closed());
}

#[test]
fn c4_len_and_capacity() {
    let (tx, rx) = chan::bounded(2);
    assert_eq!((tx.len(), tx.capacity(), tx.is_empty(), tx.is_full()), (0, Some(2), true, false));
    tx.send('a').unwrap();
    tx.send('b').unwrap();
    assert_eq!((rx.len(), rx.capacity(), rx.is_empty(), rx.is_full()), (2, Some(2), false, true));
    tx.close();
    assert_eq!(rx.len(), 2);
    rx.recv().unwrap();
    assert_eq!(tx.len(), 1);

    let (tx, rx) = chan::bounded::<()>(0);
    assert_eq!((tx.len(), tx.capacity(), tx.is_empty(), tx.is_full()), (0, Some(0), true, true));
    assert_eq!((rx.len(), rx.capacity(), rx.is_empty(), rx.is_full()), (0, Some(0), true, true));

    let (tx, rx) = chan::unbounded();
    (0..1000).for_each(|i| tx.send(i).unwrap());
    assert_eq!((tx.len(), tx.capacity(), rx.capacity(), rx.is_full()), (1000, None, None, false));
}

#[test]
fn c5_c6_without_waiting() {
    let (tx, rx) = chan::bounded(1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(rx.try_recv(), Ok(1));
    drop(rx);
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));

    let (tx, rx) = chan::bounded(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn nil_never_gives_anything() {
    let rx = chan::never::<String>();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    goroutine(|| assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout)));
    assert_eq!((rx.len(), rx.capacity(), rx.close(), rx.is_closed()), (0, Some(0), false, false));
    assert!(rx.same_channel(&chan::never()));
}

#[test]
fn c10_an_impossible_capacity_panics() {
    assert!(std::panic::catch_unwind(|| chan::bounded::<u64>(usize::MAX / 2)).is_err());
    assert!(std::panic::catch_unwind(|| chan::bounded::<()>(usize::MAX)).is_err());
    let (tx, rx) = chan::bounded::<()>(1 << 40);
    tx.send(()).unwrap();
    assert_eq!((rx.len(), rx.recv()), (1, Ok(())));
}

#[test]
fn c12_channels_have_an_identity_and_travel_in_channels() {
    let (tx, rx) = chan::bounded(1);
    let (reply, answer) = chan::bounded(1);
    assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
    let (other, _) = chan::bounded(1);
    assert!(!tx.same_channel(&other));
    tx.send(reply.clone()).unwrap();
    let received: chan::Sender<i32> = rx.recv().unwrap();
    assert!(received.same_channel(&reply));
    received.send(4).unwrap();
    assert_eq!(answer.recv(), Ok(4));
}
