//! What can only be seen from inside: who waits, and in which order they are served.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::core::{Core, Side};
use super::{Receiver, Select, Sender, bounded, never};
use crate::select;

/// Polls until `n` nodes wait on that side.
#[track_caller]
fn until_waiting(core: &Core, side: Side, n: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let count = core.lock().queue(side).count();
        if count == n {
            return;
        }
        assert!(Instant::now() < deadline, "{count} wait, not {n}");
        thread::yield_now();
    }
}

fn receivers<T>(rx: &Receiver<T>, n: usize) {
    until_waiting(rx.core().unwrap(), Side::Recv, n);
}

fn senders<T>(tx: &Sender<T>, n: usize) {
    until_waiting(tx.core(), Side::Send, n);
}

#[test]
fn c7_waiting_receivers_are_served_in_order() {
    for cap in [0, 1, 4] {
        let (tx, rx) = bounded(cap);
        thread::scope(|s| {
            let mut waiters = Vec::new();
            for i in 0..8 {
                let rx = &rx;
                // Plain, timed and selecting ones share the queue.
                waiters.push(s.spawn(move || match i % 3 {
                    0 => rx.recv().unwrap(),
                    1 => rx.recv_timeout(Duration::from_secs(60)).unwrap(),
                    _ => select! { recv(rx) -> m => m.unwrap(), recv(never::<i32>()) -> _ => unreachable!() },
                }));
                receivers(rx, i + 1);
            }
            (0..8).for_each(|i| tx.send(i).unwrap());
            let got: Vec<i32> = waiters.into_iter().map(|w| w.join().unwrap()).collect();
            assert_eq!(got, [0, 1, 2, 3, 4, 5, 6, 7], "capacity {cap}");
        });
    }
}

#[test]
fn c7_c8_waiting_senders_are_served_in_order_behind_the_buffer() {
    for cap in [0, 1, 4] {
        let (tx, rx) = bounded(cap);
        thread::scope(|s| {
            for i in 0..cap {
                tx.send(i).unwrap();
            }
            for i in cap..cap + 6 {
                let tx = &tx;
                s.spawn(move || match i % 3 {
                    0 => tx.send(i).unwrap(),
                    1 => tx.send_timeout(i, Duration::from_secs(60)).unwrap(),
                    _ => select! { send(tx, i) -> r => r.unwrap(), recv(never::<()>()) -> _ => unreachable!() },
                });
                senders(tx, i - cap + 1);
            }
            assert_eq!(rx.len(), cap);
            assert_eq!(rx.recv(), Ok(0));
            // C8: the first waiting sender's value took the place that became free.
            assert_eq!(rx.len(), cap);
            assert_eq!(
                rx.iter().take(cap + 5).collect::<Vec<_>>(),
                (1..cap + 6).collect::<Vec<_>>()
            );
        });
    }
}

#[test]
fn x6_a_select_leaves_no_node_behind_and_keeps_the_order_of_the_rest() {
    let (a, ra) = bounded(0);
    let (b, rb) = bounded(0);
    thread::scope(|s| {
        let first = s.spawn(|| rb.recv());
        receivers(&rb, 1);
        let chosen =
            s.spawn(|| select! { recv(ra) -> m => m, recv(rb) -> m => m, recv(ra) -> m => m });
        receivers(&rb, 2);
        let last = s.spawn(|| rb.recv());
        receivers(&rb, 3);
        a.send(1).unwrap();
        assert_eq!(chosen.join().unwrap(), Ok(1));
        receivers(&ra, 0);
        receivers(&rb, 2);
        b.send(2).unwrap();
        b.send(3).unwrap();
        assert_eq!((first.join().unwrap(), last.join().unwrap()), (Ok(2), Ok(3)));
    });
}

#[test]
fn a_timed_wait_leaves_no_node_behind() {
    let (tx, rx) = bounded(0);
    assert!(rx.recv_timeout(Duration::from_millis(1)).is_err());
    assert!(tx.send_timeout(1, Duration::from_millis(1)).is_err());
    select! { send(tx, 2) -> _ => unreachable!(), default(Duration::from_millis(1)) => () }
    receivers(&rx, 0);
    senders(&tx, 0);
}

#[test]
fn c9_close_wakes_more_waiters_than_fit_one_batch() {
    let (tx, rx) = bounded::<i32>(0);
    thread::scope(|s| {
        for i in 0..50 {
            let rx = &rx;
            s.spawn(move || match i % 2 {
                0 => assert!(rx.recv().is_err()),
                _ => select! { recv(rx) -> m => assert!(m.is_err()), recv(never::<()>()) -> _ => unreachable!() },
            });
        }
        receivers(&rx, 50);
        assert!(tx.close());
        assert!(!rx.close());
    });
}

#[test]
fn a_dynamic_send_that_waits_is_paired_with_each_kind_of_receiver() {
    let (tx, rx) = bounded(0);
    type Receive = fn(&Receiver<u8>) -> Option<u8>;
    let kinds: [Receive; 4] = [
        |rx| rx.recv().ok(),
        |rx| rx.try_recv().ok(),
        |rx| rx.recv_timeout(Duration::from_secs(60)).ok(),
        |rx| select! { recv(rx) -> m => m.ok(), recv(never::<()>()) -> _ => None },
    ];
    for receive in kinds {
        thread::scope(|s| {
            s.spawn(|| {
                let mut select = Select::new();
                select.send(&tx);
                select.select().send(&tx, 7).unwrap();
            });
            senders(&tx, 1);
            assert_eq!(receive(&rx), Some(7));
        });
    }
}

#[test]
fn a_dynamic_send_that_waits_for_room_gets_it() {
    let (tx, rx) = bounded(1);
    tx.send(1).unwrap();
    thread::scope(|s| {
        let (chosen, go_on) = (mpsc::channel(), mpsc::channel());
        let tx2 = &tx;
        s.spawn(move || {
            let mut select = Select::new();
            select.send(tx2);
            let op = select.select();
            chosen.0.send(()).unwrap();
            go_on.1.recv().unwrap();
            op.send(tx2, 2).unwrap();
        });
        senders(&tx, 1);
        assert_eq!(rx.recv(), Ok(1));
        chosen.1.recv().unwrap();
        // The place is promised: nobody else gets it.
        assert!(tx.try_send(9).is_err());
        go_on.0.send(()).unwrap();
        assert_eq!(rx.recv(), Ok(2));
        assert!(tx.try_send(3).is_ok());
    });
}

#[test]
fn a_dynamic_operation_dropped_lets_the_other_side_go() {
    let (tx, rx) = bounded(0);
    thread::scope(|s| {
        let waiter = s.spawn(|| rx.recv());
        receivers(&rx, 1);
        let dropped = std::panic::catch_unwind(|| {
            let mut select = Select::new();
            select.send(&tx);
            drop(select.select());
        });
        assert!(dropped.is_err());
        tx.send(5).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(5));
    });
}
