//! A receiver as a stream: combinators work, the place in the queue is kept, nothing is lost.

mod sync_common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use gmp::chan::{self, Receiver, TryRecvError};
use gmp::{block_on, time};
use sync_common::{goroutine, with_all_parties};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<T>(rx: &mut Receiver<T>, count: &Arc<Count>) -> Poll<Option<T>> {
    Pin::new(rx).poll_next(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

#[test]
fn it_gives_everything_and_ends_for_good() {
    with_all_parties(|parties| {
        for (tx, rx) in [chan::bounded(0), chan::bounded(3), chan::unbounded()] {
            let sender = parties.start(1, move || (0..200_u32).for_each(|i| tx.send(i).unwrap()));
            let mut rx = rx;
            let sum = block_on(async {
                let all: Vec<u32> = rx.by_ref().map(|i| i * 2).collect().await;
                assert!(all.is_sorted() && all.len() == 200);
                assert_eq!(rx.next().await, None);
                all.iter().sum::<u32>()
            });
            assert_eq!(sum, 199 * 200);
            sender.join().unwrap();
        }
    });
}

#[test]
fn it_may_be_moved_and_used_otherwise_between_polls() {
    let (tx, mut rx) = chan::bounded(2);
    let count = Arc::new(Count::default());
    assert!(poll(&mut rx, &count).is_pending());
    let mut moved = Box::new(rx);
    let clone = moved.clone();
    assert!(clone.same_channel(&moved) && moved.capacity() == Some(2));
    tx.send(1).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    tx.send(2).unwrap();
    // The first value was chosen for the stream; the rest is anybody's.
    assert_eq!(moved.try_recv(), Ok(2));
    assert_eq!(clone.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut moved, &count), Poll::Ready(Some(1)));
    assert!(poll(&mut moved, &count).is_pending());
    assert!(moved.close());
    assert_eq!(poll(&mut moved, &count), Poll::Ready(None));
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
}

#[test]
fn a_value_chosen_and_not_fetched_goes_to_the_next() {
    let (tx, mut rx) = chan::bounded(0);
    let other = rx.clone();
    let count = Arc::new(Count::default());
    assert!(poll(&mut rx, &count).is_pending());
    assert!(tx.try_send("kept").is_ok());
    assert!(tx.try_send("no room").is_err());
    drop(rx);
    assert_eq!(other.try_recv(), Ok("kept"));
}

#[test]
fn the_last_one_dropped_closes_and_drops_what_was_chosen() {
    let (tx, mut rx) = chan::bounded(1);
    let value = Arc::new(());
    let count = Arc::new(Count::default());
    assert!(poll(&mut rx, &count).is_pending());
    tx.send(Arc::clone(&value)).unwrap();
    tx.send(Arc::clone(&value)).unwrap();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(tx.send(value).is_err());
}

#[test]
fn it_stands_in_the_queue_like_everybody_else() {
    let (tx, mut first) = chan::bounded(0);
    let mut second = first.clone();
    let count = Arc::new(Count::default());
    assert!(poll(&mut first, &count).is_pending());
    assert!(poll(&mut second, &count).is_pending());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(poll(&mut second, &count), Poll::Ready(Some(2)));
    assert_eq!(poll(&mut first, &count), Poll::Ready(Some(1)));
}

#[test]
fn tickers_are_streams() {
    goroutine(|| {
        let begin = time::now();
        let ticker = time::Ticker::new(Duration::from_millis(2));
        let ticks: Vec<_> = block_on(ticker.receiver().clone().take(3).collect());
        assert!(ticks.is_sorted() && ticks[2] - begin >= Duration::from_millis(6));
        let mut never = chan::never::<()>();
        assert!(poll(&mut never, &Arc::new(Count::default())).is_pending());
    });
}
