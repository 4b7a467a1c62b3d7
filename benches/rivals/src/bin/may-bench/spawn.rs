//! Spawning, yielding, trees of coroutines.

use std::time::{Duration, Instant};

use may::coroutine::yield_now;
use may::go;
use may::sync::mpsc;

pub fn batch(n: u64) -> (Duration, u64) {
    let mut handles = Vec::with_capacity(1000);
    let mut sum = 0;
    let start = Instant::now();
    for first in (0..n).step_by(1000) {
        handles.extend((first..first + 1000).map(|i| go!(move || i)));
        for handle in handles.drain(..) {
            sum += handle.join().expect("no panic");
        }
    }
    (start.elapsed(), sum)
}

pub fn one(n: u64) -> (Duration, u64) {
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        sum += go!(move || i).join().expect("no panic");
    }
    (start.elapsed(), sum)
}

pub fn yields(k: u64, n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let handles: Vec<_> = (0..k)
        .map(|_| {
            go!(move || {
                let mut count = 0;
                for _ in 0..n / k {
                    yield_now();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let sum = handles.into_iter().map(|handle| handle.join().expect("no panic")).sum();
    (start.elapsed(), sum)
}

pub fn skynet(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let (root, result) = mpsc::channel();
    go!(move || skynet_node(&root, 0, n));
    let sum = result.recv().expect("the root's sum");
    (start.elapsed(), sum)
}

fn skynet_node(parent: &mpsc::Sender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        parent.send(first).expect("the parent waits");
        return;
    }
    let (tx, rx) = mpsc::channel();
    for i in 0..10 {
        let tx = tx.clone();
        go!(move || skynet_node(&tx, first + i * (leaves / 10), leaves / 10));
    }
    let sum = (0..10).map(|_| rx.recv().expect("a child's sum")).sum();
    parent.send(sum).expect("the parent waits");
}

pub fn fib(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let value = fib_fork(n);
    (start.elapsed(), value)
}

fn fib_fork(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let left = go!(move || fib_fork(n - 1));
    let right = fib_fork(n - 2);
    left.join().expect("no panic") + right
}

pub fn fork_work(n: u64) -> (Duration, u64) {
    let start = Instant::now();
    let value = fork_node(n, 1);
    (start.elapsed(), value)
}

fn fork_node(levels: u64, place: u64) -> u64 {
    if levels == 0 {
        return gmp_bench_contract::xorshift(place, 50_000) % 1_000_003;
    }
    let left = go!(move || fork_node(levels - 1, 2 * place));
    let right = fork_node(levels - 1, 2 * place + 1);
    left.join().expect("no panic") + right
}
