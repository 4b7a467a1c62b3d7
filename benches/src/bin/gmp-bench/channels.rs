//! Channels, select, a lock, a ring.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::chan::bounded;
use gmp::context::background;
use gmp::go;
use gmp::sync::Mutex;

/// Sends i over an unbuffered channel and gets i + 1 back over another, `n` times.
pub(crate) fn pingpong(n: u64) -> (Duration, u64) {
    let (ping, ping_rx) = bounded(0);
    let (pong, pong_rx) = bounded(0);
    go(move || {
        while let Ok(i) = ping_rx.recv() {
            pong.send(i + 1).expect("somebody waits");
        }
    });
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        ping.send(i).expect("the other side lives");
        sum += pong_rx.recv().expect("an answer");
    }
    (start.elapsed(), sum)
}

/// `k` goroutines send `n` messages to `k` others through one channel.
pub(crate) fn crowd(k: u64, capacity: usize, n: u64) -> (Duration, u64) {
    let (tx, rx) = bounded(capacity);
    let start = Instant::now();
    let receivers: Vec<_> = (0..k)
        .map(|_| {
            let rx = rx.clone();
            go(move || rx.iter().sum::<u64>())
        })
        .collect();
    for _ in 0..k {
        let tx = tx.clone();
        go(move || (0..n / k).for_each(|i| tx.send(i).expect("the receivers live")));
    }
    drop(tx);
    let sum = receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).sum();
    (start.elapsed(), sum)
}

/// Receives `n` messages from four unbuffered channels, each with a sender of its own.
pub(crate) fn select_4(n: u64) -> (Duration, u64) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| bounded::<u64>(0)).unzip();
    let start = Instant::now();
    for (i, tx) in (0..).zip(&senders) {
        // The senders stay open to the end, as Go's do: a closed channel would always be ready.
        let tx = tx.clone();
        go(move || (0..n / 4).for_each(|j| tx.send(j * 4 + i).expect("the receiver lives")));
    }
    let [a, b, c, d] = &receivers[..] else { unreachable!("four were made") };
    let mut sum = 0;
    for _ in 0..n {
        let message = gmp::select! {
            recv(a) -> message => message,
            recv(b) -> message => message,
            recv(c) -> message => message,
            recv(d) -> message => message,
        };
        sum += message.expect("the senders are open");
    }
    (start.elapsed(), sum)
}

/// Ten thousand goroutines receive `n` messages altogether, each in a select over a channel of its own and the `done`
/// that all have in common; eight feed them by turns. In the end the context is cancelled, and all are waited for.
pub(crate) fn done_10k(n: u64) -> (Duration, u64) {
    const RECEIVERS: usize = 10_000;
    const FEEDERS: usize = 8;
    let (context, cancel) = background().with_cancel();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RECEIVERS).map(|_| bounded::<u64>(0)).unzip();
    let start = Instant::now();
    let handles: Vec<_> = receivers
        .into_iter()
        .map(|rx| {
            let context = context.clone();
            go(move || {
                let mut sum = 0;
                loop {
                    gmp::select! {
                        recv(rx) -> message => sum += message.expect("the senders are open"),
                        recv(context.done()) -> _ => return sum,
                    }
                }
            })
        })
        .collect();
    let each = n / RECEIVERS as u64;
    let feeders: Vec<_> = senders
        .chunks(RECEIVERS / FEEDERS)
        .map(|fed| {
            let fed = fed.to_vec();
            go(move || {
                for i in 0..each {
                    fed.iter().for_each(|tx| tx.send(i).expect("the receiver lives"));
                }
            })
        })
        .collect();
    feeders.into_iter().for_each(|feeder| feeder.join().expect("no panic"));
    cancel.cancel();
    let sum = handles.into_iter().map(|handle| handle.join().expect("no panic")).sum();
    (start.elapsed(), sum)
}

/// `k` goroutines increment one counter `n` times altogether.
pub(crate) fn mutex(k: u64, n: u64) -> (Duration, u64) {
    let counter = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..k)
        .map(|_| {
            let counter = Arc::clone(&counter);
            go(move || {
                for _ in 0..n / k {
                    *counter.lock() += 1;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().expect("no panic");
    }
    let elapsed = start.elapsed();
    (elapsed, *counter.lock())
}

/// Passes a token through 503 goroutines in a circle, `n` hops; the last one tells its place.
pub(crate) fn ring_503(n: u64) -> (Duration, u64) {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..503).map(|_| bounded::<u64>(0)).unzip();
    let (last, result) = bounded(0);
    let first = senders[0].clone();
    senders.rotate_left(1);
    for (i, (rx, next)) in (0..).zip(receivers.into_iter().zip(senders)) {
        let last = last.clone();
        go(move || {
            while let Ok(token) = rx.recv() {
                if token == 0 {
                    last.send(i).expect("the caller waits");
                    return;
                }
                // After the end the next place is gone.
                if next.send(token - 1).is_err() {
                    return;
                }
            }
        });
    }
    let start = Instant::now();
    first.send(n).expect("the first place lives");
    let place = result.recv().expect("the last place answers");
    (start.elapsed(), place)
}
