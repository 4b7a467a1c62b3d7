//! `recv_async`: waiting from asynchronous code; nothing is lost when a future is dropped.

mod dropped;

#[path = "../sync_common/mod.rs"]
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
