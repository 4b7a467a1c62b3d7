//! Executors of other crates wait for channels and goroutines: on plain threads, and inside goroutines.

mod sync_common;

use std::future::Future;
use std::pin::Pin;
use std::thread;

use futures_executor::LocalPool;
use futures_util::StreamExt;
use futures_util::future::join;
use gmp::chan::{self, Receiver};
use gmp::{Goexit, go};
use sync_common::{Parties, goroutine};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs one future to its end.
type Executor = (&'static str, fn(Task));

const EXECUTORS: [Executor; 4] = [
    ("tokio", |task| tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)),
    ("futures", |task| LocalPool::new().run_until(task)),
    ("pollster", |task| pollster::block_on(task)),
    ("gmp", |task| gmp::block_on(task)),
];

/// What `make` gives, on each executor, each on a plain thread or in a goroutine.
fn on_all(parties: Parties, make: fn() -> Task) {
    for (name, run) in EXECUTORS {
        let party = parties.start(0, move || run(make()));
        assert!(party.join().is_ok(), "{name}");
    }
}

fn everywhere(make: fn() -> Task) {
    goroutine(|| [Parties::Threads, Parties::Goroutines].map(|parties| on_all(parties, make)));
}

/// A thread of its own sends, so that the executor has to be woken from outside.
fn numbers(capacity: usize) -> Receiver<u32> {
    let (tx, rx) = chan::bounded(capacity);
    thread::spawn(move || (0..200).try_for_each(|i| tx.send(i)));
    rx
}

async fn takes_all(rx: Receiver<u32>) {
    for i in 0..200 {
        assert_eq!(rx.recv_async().await, Ok(i));
    }
    assert!(rx.recv_async().await.is_err());
}

#[test]
fn without_a_runtime() {
    on_all(Parties::Threads, || Box::pin(takes_all(numbers(0))));
}

#[test]
fn channels() {
    everywhere(|| Box::pin(takes_all(numbers(0))));
    everywhere(|| {
        Box::pin(async {
            let (one, other) = (numbers(1), numbers(3));
            join(takes_all(one), takes_all(other)).await;
            assert_eq!(numbers(2).collect::<Vec<_>>().await.len(), 200);
        })
    });
}

#[test]
fn goroutines() {
    everywhere(|| {
        Box::pin(async {
            for i in 0..50 {
                assert_eq!(go(move || i).await.unwrap(), i);
            }
            let (tx, rx) = chan::bounded(0);
            let waits = go(move || rx.recv().unwrap());
            // Both are polled before either is over.
            let sends = async move { go(move || tx.send("from outside")).await.unwrap().unwrap() };
            assert_eq!(join(waits.into_future(), sends).await.0.unwrap(), "from outside");
        })
    });
}

#[test]
fn ends_without_a_result() {
    everywhere(|| {
        Box::pin(async {
            let panic = go(|| panic!("expected")).await.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"expected"));
            assert!(go(|| gmp::goexit()).await.unwrap_err().is::<Goexit>());
        })
    });
}

/// Many tasks of one executor, each waiting for its own goroutine, which waits for its own task.
#[test]
fn tasks_and_goroutines_call_each_other() {
    goroutine(|| {
        let rounds = move || {
            let mut pool = LocalPool::new();
            let spawner = pool.spawner();
            let total = std::rc::Rc::new(std::cell::Cell::new(0));
            for i in 0..50 {
                let total = std::rc::Rc::clone(&total);
                let (ask, asked) = chan::bounded::<u32>(0);
                let (reply, replied) = chan::bounded(0);
                let server = go(move || asked.iter().try_for_each(|n| reply.send(n + 1)));
                let task = async move {
                    // A task sends by way of a goroutine: only receiving is asynchronous.
                    go(move || ask.send(i)).await.unwrap().unwrap();
                    let answer = replied.recv_async().await.unwrap();
                    // Not before: others add while this task waits.
                    total.set(total.get() + answer);
                    server.await.unwrap().unwrap();
                };
                futures_util::task::LocalSpawnExt::spawn_local(&spawner, task).unwrap();
            }
            pool.run();
            assert_eq!(total.get(), (1..=50).sum::<u32>());
        };
        go(rounds).join().unwrap();
        gmp::blocking(|| thread::spawn(rounds).join()).unwrap();
    });
}
