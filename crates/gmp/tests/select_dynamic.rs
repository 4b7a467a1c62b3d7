//! `Select`: lists of operations made at run time.

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gmp::chan::{self, RecvError, Select, SelectTimeoutError, SendError, TrySelectError};
use sync_common::with_all_parties;

#[test]
fn it_chooses_what_is_ready_and_completes_it() {
    let (tx, rx) = chan::bounded(1);
    let (full, _keep) = chan::bounded::<i32>(0);
    let mut select = Select::new();
    let (r, f, s) = (select.recv(&rx), select.send(&full), select.send(&tx));
    assert_eq!((r, f, s), (0, 1, 2));
    for i in 0..3 {
        let op = select.select();
        assert_eq!(op.index(), s);
        assert_eq!(op.send(&tx, i), Ok(()));
        let op = select.try_select().unwrap();
        assert_eq!(op.index(), r);
        assert_eq!(op.recv(&rx), Ok(i));
    }
    select.remove(s);
    assert_eq!(select.try_select().unwrap_err(), TrySelectError);
    let since = Instant::now();
    assert_eq!(select.select_timeout(Duration::from_millis(2)).unwrap_err(), SelectTimeoutError);
    assert!(since.elapsed() >= Duration::from_millis(2));
    tx.close();
    let op = select.select_deadline(since).unwrap();
    assert_eq!((op.index(), op.recv(&rx)), (r, Err(RecvError)));
}

#[test]
fn an_empty_list_is_never_ready() {
    let mut select = Select::new();
    assert!(select.try_select().is_err());
    assert!(select.select_timeout(Duration::from_millis(1)).is_err());
}

#[test]
fn closed_between_choice_and_completion() {
    let (tx, rx) = chan::bounded(1);
    let mut select = Select::new();
    select.send(&tx);
    let op = select.select();
    rx.close();
    assert_eq!(op.send(&tx, 1), Err(SendError(1)));
    let op = select.select();
    assert_eq!(op.send(&tx, 2), Err(SendError(2)));
}

#[test]
fn a_promised_place_is_given_back() {
    let (tx, rx) = chan::bounded(1);
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        let mut select = Select::new();
        select.send(&tx);
        let op = select.select();
        assert!(tx.try_send(1).is_err(), "the place is promised");
        drop(op);
    }));
    assert!(dropped.is_err());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(rx.recv(), Ok(1));
}

#[test]
fn a_received_value_is_dropped_with_its_operation() {
    let value = Rc::new(());
    let (tx, rx) = chan::unbounded();
    let (_other, wrong) = chan::bounded::<Rc<()>>(0);
    (0..2).for_each(|_| tx.send(Rc::clone(&value)).unwrap());
    for complete in [false, true] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut select = Select::new();
            select.recv(&rx);
            let op = select.select();
            if complete {
                let _ = op.recv(&wrong);
            }
        }));
        assert!(panicked.is_err());
    }
    assert_eq!(Rc::strong_count(&value), 1);
}

/// Promise X8.
#[test]
fn many_operations() {
    // More than the engine sorts by insertion, each channel twice.
    with_all_parties(|parties| {
        let (tx, rx): (Vec<_>, Vec<_>) = (0..60).map(|_| chan::bounded(0)).unzip();
        let sender = parties.start(1, move || {
            for round in 0..5 {
                tx.iter().enumerate().for_each(|(i, tx)| tx.send((round, i)).unwrap());
            }
            tx
        });
        let mut select = Select::new();
        rx.iter().chain(&rx).for_each(|rx| _ = select.recv(rx));
        for round in 0..5 {
            for (i, rx) in rx.iter().enumerate() {
                let op = select.select();
                assert_eq!(op.index() % 60, i);
                assert_eq!(op.recv(rx), Ok((round, i)));
            }
        }
        drop(sender.join());
    });
}

#[test]
fn selects_that_face_each_other_hand_over() {
    with_all_parties(|parties| {
        const EACH: usize = 500;
        let ((a, ra), (b, rb)) = (chan::bounded(0), chan::bounded(0));
        let sender = parties.start(0, move || {
            for i in 0..EACH {
                let mut select = Select::new();
                select.send(&a);
                select.send(&b);
                let op = select.select();
                match op.index() {
                    0 => op.send(&a, i).unwrap(),
                    _ => op.send(&b, i).unwrap(),
                }
            }
        });
        let receiver = parties.start(1, move || {
            let mut select = Select::new();
            select.recv(&ra);
            select.recv(&rb);
            for i in 0..EACH {
                let op = select.select();
                let rx = if op.index() == 0 { &ra } else { &rb };
                assert_eq!(op.recv(rx), Ok(i));
            }
        });
        sender.join().unwrap();
        receiver.join().unwrap();
    });
}
