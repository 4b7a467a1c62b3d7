//! Channels, select, a lock, a ring.
//!
//! tokio has no unbuffered channel: capacity 1 stands in for it. It has no channel with many
//! receivers either: they share one behind tokio's mutex, as its users do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::spawn;
use tokio::sync::{Mutex, mpsc};

pub async fn pingpong(n: u64) -> (Duration, u64) {
    let (ping, mut ping_rx) = mpsc::channel(1);
    let (pong, mut pong_rx) = mpsc::channel(1);
    spawn(async move {
        while let Some(i) = ping_rx.recv().await {
            pong.send(i + 1).await.expect("somebody waits");
        }
    });
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        ping.send(i).await.expect("the other side lives");
        sum += pong_rx.recv().await.expect("an answer");
    }
    (start.elapsed(), sum)
}

pub async fn one_to_one(n: u64) -> (Duration, u64) {
    let (tx, mut rx) = mpsc::channel(100);
    let start = Instant::now();
    let receiver = spawn(async move {
        let mut sum = 0;
        while let Some(message) = rx.recv().await {
            sum += message;
        }
        sum
    });
    spawn(async move {
        for i in 0..n {
            tx.send(i).await.expect("the receiver lives");
        }
    });
    let sum = receiver.await.expect("no panic");
    (start.elapsed(), sum)
}

pub async fn crowd(n: u64) -> (Duration, u64) {
    let (tx, rx) = mpsc::channel(128);
    let rx = Arc::new(Mutex::new(rx));
    let start = Instant::now();
    let receivers: Vec<_> = (0..100)
        .map(|_| {
            let rx = Arc::clone(&rx);
            spawn(async move {
                let mut sum = 0;
                loop {
                    let message = rx.lock().await.recv().await;
                    match message {
                        Some(message) => sum += message,
                        None => return sum,
                    }
                }
            })
        })
        .collect();
    for _ in 0..100 {
        let tx = tx.clone();
        spawn(async move {
            for i in 0..n / 100 {
                tx.send(i).await.expect("the receivers live");
            }
        });
    }
    drop(tx);
    let mut sum: u64 = 0;
    for receiver in receivers {
        sum += receiver.await.expect("no panic");
    }
    (start.elapsed(), sum)
}

pub async fn select_4(n: u64) -> (Duration, u64) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel(1)).unzip();
    let Ok([mut a, mut b, mut c, mut d]) = <[mpsc::Receiver<u64>; 4]>::try_from(receivers) else {
        unreachable!("four were made")
    };
    let start = Instant::now();
    for (i, tx) in (0..).zip(senders) {
        spawn(async move {
            for j in 0..n / 4 {
                tx.send(j * 4 + i).await.expect("the receiver lives");
            }
        });
    }
    let mut sum = 0;
    for _ in 0..n {
        sum += tokio::select! {
            Some(message) = a.recv() => message,
            Some(message) = b.recv() => message,
            Some(message) = c.recv() => message,
            Some(message) = d.recv() => message,
            else => unreachable!("n messages are sent"),
        };
    }
    (start.elapsed(), sum)
}

pub async fn mutex(k: u64, n: u64) -> (Duration, u64) {
    let counter = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..k)
        .map(|_| {
            let counter = Arc::clone(&counter);
            spawn(async move {
                for _ in 0..n / k {
                    *counter.lock().await += 1;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.expect("no panic");
    }
    let elapsed = start.elapsed();
    (elapsed, *counter.lock().await)
}

pub async fn ring_503(n: u64) -> (Duration, u64) {
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..503).map(|_| mpsc::channel::<u64>(1)).unzip();
    let (last, mut result) = mpsc::channel(1);
    let first = senders[0].clone();
    senders.rotate_left(1);
    for (i, (mut rx, next)) in (0..).zip(receivers.into_iter().zip(senders)) {
        let last = last.clone();
        spawn(async move {
            while let Some(token) = rx.recv().await {
                if token == 0 {
                    // The circle of senders keeps itself alive; the end of the token is the end.
                    last.send(i).await.expect("the caller waits");
                    return;
                }
                // After the end the next place is gone.
                if next.send(token - 1).await.is_err() {
                    return;
                }
            }
        });
    }
    let start = Instant::now();
    first.send(n).await.expect("the first place lives");
    let place = result.recv().await.expect("the last place answers");
    (start.elapsed(), place)
}
