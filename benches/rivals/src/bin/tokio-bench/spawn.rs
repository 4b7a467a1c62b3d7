//! Spawning, yielding, trees of tasks.

use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{spawn, yield_now};

pub async fn batch(n: u64) -> (Duration, u64) {
    let mut handles = Vec::with_capacity(1000);
    let mut sum = 0;
    let start = Instant::now();
    for first in (0..n).step_by(1000) {
        handles.extend((first..first + 1000).map(|i| spawn(async move { i })));
        for handle in handles.drain(..) {
            sum += handle.await.expect("no panic");
        }
    }
    (start.elapsed(), sum)
}

pub async fn one(n: u64) -> (Duration, u64) {
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        sum += spawn(async move { i }).await.expect("no panic");
    }
    (start.elapsed(), sum)
}

pub async fn yields(k: u64, n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let handles: Vec<_> = (0..k)
        .map(|_| {
            spawn(async move {
                let mut count = 0;
                for _ in 0..n / k {
                    yield_now().await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("no panic");
    }
    (start.elapsed(), sum)
}

pub async fn skynet(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let (root, mut result) = mpsc::channel(1);
    spawn(skynet_node(root, 0, n));
    let sum = result.recv().await.expect("the root's sum");
    (start.elapsed(), sum)
}

fn skynet_node(
    parent: mpsc::Sender<u64>,
    first: u64,
    leaves: u64,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            parent.send(first).await.expect("the parent waits");
            return;
        }
        let (tx, mut rx) = mpsc::channel(1);
        for i in 0..10 {
            spawn(skynet_node(tx.clone(), first + i * (leaves / 10), leaves / 10));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += rx.recv().await.expect("a child's sum");
        }
        parent.send(sum).await.expect("the parent waits");
    })
}

pub async fn fib(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let value = fib_fork(n).await;
    (start.elapsed(), value)
}

fn fib_fork(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let left = spawn(fib_fork(n - 1));
        let right = fib_fork(n - 2).await;
        left.await.expect("no panic") + right
    })
}

pub async fn fork_work(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let value = fork_node(n, 1).await;
    (start.elapsed(), value)
}

fn fork_node(levels: u64, place: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if levels == 0 {
            return gmp_bench_contract::xorshift(place, 50_000) % 1_000_003;
        }
        let left = spawn(fork_node(levels - 1, 2 * place));
        let right = fork_node(levels - 1, 2 * place + 1).await;
        left.await.expect("no panic") + right
    })
}
