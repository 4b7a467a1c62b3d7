//! Channels while unwinding: a destructor that sends, receives or selects during a panic does its work.

mod sync_common;

use std::time::Duration;

use gmp::chan::{self, Receiver, Sender};
use gmp::select;
use sync_common::with_all_parties;

/// Says farewell when it is dropped, and waits for the answer.
struct Farewell {
    tx: Sender<&'static str>,
    rx: Receiver<u32>,
    log: Sender<u32>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.tx.send("plain").unwrap();
        select! {
            send(self.tx, "select") -> res => res.unwrap(),
            default(Duration::from_secs(60)) => unreachable!(),
        }
        let first = self.rx.recv().unwrap();
        let second = self.rx.recv_timeout(Duration::from_secs(60)).unwrap();
        self.log.send(first + second).unwrap();
    }
}

#[test]
fn a_destructor_talks_during_a_panic() {
    with_all_parties(|parties| {
        for cap in [0, 1] {
            let ((tx, heard), (answer, rx)) = (chan::bounded(cap), chan::bounded(cap));
            let (log, result) = chan::unbounded();
            let panics = parties.start(0, move || {
                let _farewell = Farewell { tx, rx, log };
                panic!("on purpose");
            });
            let listens = parties.start(1, move || {
                let said = [heard.recv().unwrap(), heard.recv().unwrap()];
                answer.send(1).unwrap();
                answer.send(2).unwrap();
                said
            });
            assert_eq!(listens.join().unwrap(), ["plain", "select"]);
            assert_eq!(result.recv(), Ok(3));
            let payload = panics.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
        }
    });
}

#[test]
fn a_party_that_panics_closes_what_it_owned() {
    with_all_parties(|parties| {
        let (tx, rx) = chan::bounded(0);
        let panics = parties.start(0, move || {
            tx.send(1).unwrap();
            panic!("on purpose");
        });
        let got = parties.start(1, move || rx.iter().collect::<Vec<i32>>());
        assert_eq!(got.join().unwrap(), [1]);
        assert!(panics.join().is_err());
    });
}
