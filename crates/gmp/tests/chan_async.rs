//! `recv_async`: waiting from asynchronous code; nothing is lost when a future is dropped.

mod sync_common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use gmp::chan::{self, RecvError, Select};
use gmp::{block_on, select};
use sync_common::{Random, goroutine, with_all_parties};

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<F: Future>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

#[test]
fn it_receives_from_goroutines_and_threads() {
    with_all_parties(|parties| {
        for (tx, rx) in [chan::bounded(0), chan::bounded(2), chan::unbounded()] {
            let sender = parties.start(1, move || (0..300).for_each(|i| tx.send(i).unwrap()));
            block_on(async {
                for i in 0..300 {
                    assert_eq!(rx.recv_async().await, Ok(i));
                }
                assert_eq!(rx.recv_async().await, Err(RecvError));
            });
            sender.join().unwrap();
        }
    });
}

#[test]
fn it_wakes_the_latest_waker_once() {
    let (tx, rx) = chan::bounded(0);
    let (old, new) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut future = pin!(rx.recv_async());
    assert!(poll(future.as_mut(), &old).is_pending());
    assert!(poll(future.as_mut(), &new).is_pending());
    // A future that waits is a receiver like any other.
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(tx.try_send(2).is_err());
    assert_eq!((old.0.load(Ordering::Relaxed), new.0.load(Ordering::Relaxed)), (0, 1));
    assert_eq!(poll(future, &new), Poll::Ready(Ok(1)));
}

#[test]
fn a_dropped_future_passes_its_value_on() {
    for (tx, rx) in [chan::bounded(0), chan::bounded(1), chan::unbounded()] {
        let count = Arc::new(Count::default());
        {
            let mut one = pin!(rx.recv_async());
            let mut two = pin!(rx.recv_async());
            assert!(poll(one.as_mut(), &count).is_pending());
            assert!(poll(two.as_mut(), &count).is_pending());
            tx.send(1).unwrap();
            tx.send(2).unwrap();
            assert_eq!(count.0.load(Ordering::Relaxed), 2);
        }
        // Nobody waited, so they are in the channel; in front of what comes later.
        assert_eq!(rx.len(), 2);
        let third = tx.try_send(3).is_ok();
        assert_eq!(third, tx.capacity().is_none());
        let mut got: Vec<_> = rx.try_iter().collect();
        assert_eq!(got.split_off(2), if third { vec![3] } else { vec![] });
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    }
}

#[test]
fn a_dropped_future_hands_its_value_to_who_waits() {
    let (tx, rx) = chan::bounded(0);
    let count = Arc::new(Count::default());
    let mut one = Box::pin(rx.recv_async());
    let mut two = Box::pin(rx.recv_async());
    assert!(poll(one.as_mut(), &count).is_pending());
    tx.send(1).unwrap();
    assert!(poll(two.as_mut(), &count).is_pending());
    drop(one);
    assert_eq!(poll(two.as_mut(), &count), Poll::Ready(Ok(1)));
    // One that waits and is dropped leaves no trace.
    let mut three = Box::pin(rx.recv_async());
    assert!(poll(three.as_mut(), &count).is_pending());
    drop(three);
    assert!(tx.try_send(2).is_err());
}

#[test]
fn a_close_ends_it() {
    let (tx, rx) = chan::bounded::<()>(0);
    let count = Arc::new(Count::default());
    let mut future = pin!(rx.recv_async());
    assert!(poll(future.as_mut(), &count).is_pending());
    tx.close();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert_eq!(poll(future, &count), Poll::Ready(Err(RecvError)));
}

#[test]
fn it_pairs_with_dynamic_sends_and_selects() {
    let (tx, rx) = chan::bounded(0);
    let count = Arc::new(Count::default());
    let mut future = pin!(rx.recv_async());
    assert!(poll(future.as_mut(), &count).is_pending());
    let mut list = Select::new();
    list.send(&tx);
    let op = list.try_select().unwrap();
    assert!(poll(future.as_mut(), &count).is_pending());
    op.send(&tx, 1).unwrap();
    assert_eq!(poll(future.as_mut(), &count), Poll::Ready(Ok(1)));
    let mut future = pin!(rx.recv_async());
    assert!(poll(future.as_mut(), &count).is_pending());
    select! { send(tx, 2) -> res => res.unwrap(), default => unreachable!() }
    assert_eq!(poll(future, &count), Poll::Ready(Ok(2)));
}

#[test]
fn it_waits_for_timers() {
    goroutine(|| {
        let since = Instant::now();
        let limit = Duration::from_millis(2);
        assert!(block_on(gmp::time::after(limit).recv_async()).unwrap() >= since + limit);
        assert!(since.elapsed() >= limit);
    });
}

#[test]
fn values_are_conserved_when_futures_are_dropped() {
    with_all_parties(|parties| {
        for cap in [0, 3] {
            let (tx, rx) = chan::bounded(cap);
            let sender = parties.start(0, move || (0..2_000).for_each(|i| tx.send(i).unwrap()));
            let got = parties.all(3, move |me| {
                let mut random = Random(me as u64);
                let mut got = Vec::new();
                loop {
                    let mut future = Box::pin(rx.recv_async());
                    // Polled a few times, then dropped: chosen or not.
                    if let Poll::Ready(end) = poll(future.as_mut(), &Arc::default()) {
                        match end {
                            Ok(value) => got.push(value),
                            Err(RecvError) => return got,
                        }
                    }
                    (0..random.below(3)).for_each(|_| gmp::yield_now());
                }
            });
            sender.join().unwrap();
            let mut all: Vec<i32> = got.into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..2_000).collect::<Vec<_>>());
        }
    });
}
