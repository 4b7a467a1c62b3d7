//! Waits with a limit: never early, and no value lost or doubled when the time and the peer race.

mod sync_common;

use std::time::{Duration, Instant};

use gmp::chan::{self, RecvTimeoutError, SendTimeoutError};
use sync_common::{Random, with_all_parties};

#[test]
fn a_limit_is_never_short() {
    with_all_parties(|parties| {
        parties.all(2, |_| {
            let (tx, rx) = chan::bounded(0);
            for micros in [1, 300, 2_500] {
                let limit = Duration::from_micros(micros);
                let since = Instant::now();
                assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
                assert!(since.elapsed() >= limit);
                let deadline = Instant::now() + limit;
                assert_eq!(tx.send_deadline(5, deadline), Err(SendTimeoutError::Timeout(5)));
                assert!(Instant::now() >= deadline);
            }
        });
    });
}

#[test]
fn a_limit_that_is_over_still_takes_what_is_there() {
    let past = Instant::now();
    let (tx, rx) = chan::bounded(1);
    assert_eq!(tx.send_deadline(1, past), Ok(()));
    assert_eq!(tx.send_deadline(2, past), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(rx.recv_deadline(past), Ok(1));
    assert_eq!(rx.recv_deadline(past), Err(RecvTimeoutError::Timeout));
    assert_eq!(tx.send_timeout(3, Duration::MAX), Ok(()));
    assert_eq!(rx.recv_timeout(Duration::MAX), Ok(3));
}

/// Promise C14.
#[test]
fn values_are_conserved_when_time_and_peer_race() {
    const EACH: u64 = 400;
    with_all_parties(|parties| {
        for cap in [0, 2] {
            let (tx, rx) = chan::bounded(cap);
            let senders: Vec<_> = (0..3)
                .map(|s| {
                    let tx = tx.clone();
                    parties.start(s, move || {
                        let mut random = Random(s as u64);
                        let (mut sent, mut given_up) = (0, 0_u64);
                        while sent < EACH {
                            let limit = Duration::from_micros(random.below(60));
                            match tx.send_timeout(s as u64 * EACH + sent, limit) {
                                Ok(()) => sent += 1,
                                Err(SendTimeoutError::Timeout(back)) => {
                                    assert_eq!(back, s as u64 * EACH + sent);
                                    given_up += 1;
                                }
                                Err(SendTimeoutError::Closed(_)) => panic!("nobody closed it"),
                            }
                        }
                        given_up
                    })
                })
                .collect();
            drop(tx);
            let receivers: Vec<_> = (0..3)
                .map(|r| {
                    let rx = rx.clone();
                    parties.start(r + 1, move || {
                        let mut random = Random(100 + r as u64);
                        let mut got = Vec::new();
                        loop {
                            match rx.recv_timeout(Duration::from_micros(random.below(60))) {
                                Ok(value) => got.push(value),
                                Err(RecvTimeoutError::Timeout) => {}
                                Err(RecvTimeoutError::Closed) => return got,
                            }
                        }
                    })
                })
                .collect();
            for sender in senders {
                sender.join().unwrap();
            }
            let mut all: Vec<u64> = receivers.into_iter().flat_map(|r| r.join().unwrap()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..3 * EACH).collect::<Vec<_>>());
        }
    });
}
