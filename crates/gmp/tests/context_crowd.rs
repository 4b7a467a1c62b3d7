//! One context that thousands wait for (issue 5): all hear of its end, whenever they begin to wait, and at all
//! times everybody sees the same.

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gmp::chan::{self, RecvTimeoutError, Select, TryRecvError};
use gmp::context::Context;
use gmp::{block_on, go, select};
use sync_common::{goroutine, until, with_all_parties};

#[test]
fn ten_thousand_selects_hear_of_it() {
    goroutine(|| {
        let (context, cancel) = Context::background().with_cancel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..10_000)
            .map(|_| {
                let (context, waiting) = (context.clone(), Arc::clone(&waiting));
                go(move || {
                    let (_tx, rx) = chan::bounded::<()>(0);
                    waiting.fetch_add(1, Ordering::Relaxed);
                    select! {
                        recv(context.done()) -> end => assert!(end.is_err()),
                        recv(rx) -> _ => unreachable!(),
                    }
                    assert!(context.err().is_some());
                })
            })
            .collect();
        until(|| waiting.load(Ordering::Relaxed) == 10_000);
        cancel.cancel();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

#[test]
fn every_way_of_waiting_sees_the_end() {
    with_all_parties(|parties| {
        for _ in 0..20 {
            let (context, cancel) = Context::background().with_cancel();
            let ends = context.clone();
            let waiters: Vec<_> = (0..12)
                .map(|i| {
                    let context = context.clone();
                    // Over and over, so that the queue is found occupied and more gates are opened meanwhile.
                    parties.start(i, move || loop {
                        let done = context.done();
                        let pause = Duration::from_micros(50);
                        let over = match i % 6 {
                            0 => done.recv().is_err(),
                            1 => done.recv_timeout(pause) == Err(RecvTimeoutError::Closed),
                            2 => select! { recv(done) -> _ => true, default(pause) => false },
                            3 => select! { recv(done) -> _ => true, recv(done.clone()) -> _ => true, default => false },
                            4 => {
                                let mut select = Select::new();
                                select.recv(done);
                                select.select_timeout(pause).is_ok_and(|op| op.recv(done).is_err())
                            }
                            _ => block_on(done.recv_async()).is_err(),
                        };
                        if over {
                            assert_eq!(done.try_recv(), Err(TryRecvError::Closed));
                            assert!(context.err().is_some() && done.is_closed());
                            return;
                        }
                        assert!(!done.is_closed() || context.err().is_some());
                        gmp::yield_now();
                    })
                })
                .collect();
            gmp::time::sleep(Duration::from_micros(300));
            cancel.cancel();
            assert!(ends.done().is_closed());
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        }
    });
}

#[test]
fn it_cannot_be_closed_by_hand() {
    let (context, cancel) = Context::background().with_cancel();
    let done = context.done().clone();
    assert!(!done.close() && !done.is_closed());
    assert_eq!((context.err(), done.len(), done.capacity()), (None, 0, Some(0)));
    assert!(done.same_channel(context.done()));
    assert!(!done.same_channel(Context::background().done()));
    assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
    cancel.cancel();
    assert_eq!(done.iter().count(), 0);
}

#[test]
fn a_deadline_that_has_passed_is_seen_at_once() {
    goroutine(|| {
        for _ in 0..50 {
            let (context, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
            let (child, _below) = context.with_cancel();
            let deadline = context.deadline().unwrap();
            gmp::time::sleep_until(deadline);
            // Whether or not the context's own timer has had its turn.
            assert!(child.err().is_some() && context.err().is_some());
            assert!(child.done().is_closed() && context.done().is_closed());
        }
    });
}
