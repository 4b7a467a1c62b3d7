//! The promises of go.md 1.5 (X1 to X7), from goroutines and from threads.

mod sync_common;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gmp::chan::{self, RecvError, SendError};
use gmp::select;
use sync_common::with_all_parties;

#[test]
fn x1_operands_and_values_are_evaluated_once_top_to_bottom() {
    let log = RefCell::new(Vec::new());
    let note = |what: &'static str| log.borrow_mut().push(what);
    let (tx, rx) = chan::bounded::<Noisy>(1);
    #[derive(Debug)]
    struct Noisy(#[expect(dead_code, reason = "counts")] Rc<()>);
    let alive = Rc::new(());
    let noisy = || Noisy(Rc::clone(&alive));
    select! {
        recv({ note("a"); chan::never::<()>() }) -> _ => unreachable!(),
        send({ note("b"); chan::bounded(0).0 }, { note("c"); 1 }) -> _ => note("closed"),
        send({ note("d"); &tx }, { note("e"); noisy() }) -> _ => note("sent"),
        default({ note("f"); Duration::from_secs(60) }) => unreachable!(),
    }
    let mut log = log.into_inner();
    assert!(matches!(log.pop(), Some("sent" | "closed")));
    assert_eq!(log, ["a", "b", "c", "d", "e", "f"]);
    drop(rx);
    // What was not sent was dropped, what was sent was dropped with the channel.
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn x3_always_one_ready_never_gives_the_default() {
    // The mover fills the second channel before it empties the first, and so on by turns. So at every
    // instant one of them is full, though not at every two instants.
    with_all_parties(|parties| {
        let rounds = if cfg!(debug_assertions) { 5_000 } else { 50_000 };
        let ((a, ra), (b, rb)) = (chan::bounded(1), chan::bounded(1));
        a.send(0).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mover = {
            let (stop, a, ra, b, rb) =
                (Arc::clone(&stop), a.clone(), ra.clone(), b.clone(), rb.clone());
            parties.start(1, move || {
                while !stop.load(Ordering::Relaxed) {
                    b.send(0).unwrap();
                    ra.recv().unwrap();
                    a.send(0).unwrap();
                    rb.recv().unwrap();
                }
            })
        };
        for _ in 0..rounds {
            select! {
                // Put back at once; the mover waits meanwhile, for room or for a value.
                recv(ra) -> _ => a.send(0).unwrap(),
                recv(rb) -> _ => b.send(0).unwrap(),
                default => panic!("one of them was full"),
            }
            gmp::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        mover.join().unwrap();
    });
}

/// Promise X9.
#[test]
fn x4_a_switched_off_arm_is_never_taken() {
    let rx = chan::never::<i32>();
    select! { recv(rx) -> _ => unreachable!(), recv(rx) -> _ => unreachable!(), default => () }
}

#[test]
fn x5_nobody_receives_his_own_send() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded(0);
        select! { send(tx, 1) -> _ => unreachable!(), recv(rx) -> _ => unreachable!(), default => () }
        parties.all(2, move |me| {
            // Two of the same kind: each round one sends and one receives.
            for _ in 0..500 {
                select! {
                    send(tx, me) -> res => res.unwrap(),
                    recv(rx) -> msg => assert_ne!(msg, Ok(me)),
                }
            }
        });
    });
}

#[test]
fn x7_closed_is_ready() {
    let (tx, rx) = chan::bounded(0);
    rx.close();
    for _ in 0..20 {
        select! {
            send(tx, 5) -> res => assert_eq!(res, Err(SendError(5))),
            recv(rx) -> msg => assert_eq!(msg, Err(RecvError)),
            default => unreachable!(),
        }
    }
}

#[test]
fn biased_takes_the_first() {
    let (tx, rx) = chan::bounded(100);
    (0..50).for_each(|i| tx.send(i).unwrap());
    for i in 0..50 {
        select! {
            biased;
            recv(chan::never::<()>()) -> _ => unreachable!(),
            recv(rx) -> msg => assert_eq!(msg, Ok(i)),
            recv(rx) -> _ => unreachable!(),
            send(tx, 0) -> _ => unreachable!(),
        }
    }
}

#[test]
fn a_select_that_waits_is_woken_by_a_close() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded::<()>(0);
        let waiter = parties.start(0, move || {
            select! { recv(rx) -> msg => msg, recv(chan::never()) -> msg => msg }
        });
        let closer = parties.start(1, move || tx.close());
        assert!(closer.join().unwrap());
        assert_eq!(waiter.join().unwrap(), Err(RecvError));
    });
}
