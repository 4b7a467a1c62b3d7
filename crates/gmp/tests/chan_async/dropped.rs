//! Futures that are dropped before they end: no value is lost.

use super::*;

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
