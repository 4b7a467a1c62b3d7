//! `select!` in places where another is under way: arms, operands, values, destructors.

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use gmp::chan::{self, Receiver, Select, Sender};
use gmp::{go, select};
use sync_common::with_all_parties;

#[test]
fn in_arms_operands_and_values() {
    let ((a, one), (b, two)) = (chan::bounded(1), chan::bounded(1));
    a.send(1).unwrap();
    b.send(2).unwrap();
    let sum = select! {
        recv(one) -> x => select! { recv(two) -> y => x.unwrap() + y.unwrap(), default => 0 },
        recv(chan::never::<i32>()) -> _ => unreachable!(),
    };
    assert_eq!(sum, 3);
    select! { send(a, select! { default => 5 }) -> res => res.unwrap() }
    let five = select! { recv(select! { default => &one, }) -> five => five };
    assert_eq!(five, Ok(5));
    let late = select! {
        recv(one) -> _ => false,
        default(select! { recv(two) -> _ => Duration::MAX, default => Duration::ZERO }) => true,
    };
    assert!(late);
}

/// An operand that panics leaves nothing behind in the channels of the operands before it.
#[test]
fn an_operand_that_panics() {
    let (tx, rx) = chan::bounded::<i32>(0);
    let failed = catch_unwind(AssertUnwindSafe(|| {
        select! {
            recv(rx) -> _ => (),
            recv({ if rx.is_empty() { panic!("expected") } &rx }) -> _ => (),
        }
    }));
    assert!(failed.is_err());
    assert!(tx.try_send(1).is_err(), "nobody waits");
}

/// Sends, receives, and lists at run time, all of which have to wait, in a destructor.
struct Talks(Sender<i32>, Receiver<i32>);

impl Drop for Talks {
    fn drop(&mut self) {
        assert!(thread::panicking());
        select! {
            send(self.0, 1) -> res => res.unwrap(),
            recv(chan::never::<()>()) -> _ => (),
        }
        let answer = select! {
            recv(self.1) -> n => n.unwrap(),
            default(Duration::from_secs(60)) => -1,
        };
        let mut list = Select::new();
        list.send(&self.0);
        list.recv(&self.1);
        let operation = list.select();
        assert_eq!(operation.index(), 0);
        operation.send(&self.0, answer + 1).unwrap();
    }
}

#[test]
fn in_a_destructor_while_unwinding() {
    with_all_parties(|parties| {
        let ((tx, out), (back, rx)) = (chan::bounded(0), chan::bounded(0));
        let dies = parties.start(1, move || {
            let _talks = Talks(tx, rx);
            panic!("expected");
        });
        assert_eq!(out.recv(), Ok(1));
        back.send(6).unwrap();
        assert_eq!(out.recv(), Ok(7));
        assert!(dies.join().is_err());
        // The party that is left was not disturbed.
        assert!(out.recv().is_err() && back.send(0).is_err());
    });
}

/// Deeper than any buffer of waiters: each `select!` waits for the next, which waits in its arm.
#[test]
fn a_chain_of_waits() {
    sync_common::goroutine(|| {
        fn wait(levels: &[Receiver<usize>]) -> usize {
            let [first, rest @ ..] = levels else { return 0 };
            select! {
                recv(first) -> n => n.unwrap() + wait(rest),
                recv(chan::never::<u8>()) -> _ => unreachable!(),
            }
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..50).map(|_| chan::bounded(0)).unzip();
        let sum = go(move || wait(&receivers));
        for (i, tx) in senders.iter().enumerate() {
            tx.send(i).unwrap();
        }
        assert_eq!(sum.join().unwrap(), 1225);
    });
}
