//! `select!` and `Select`.

use std::time::Duration;

use gmp::chan::{self, Receiver, RecvError, Select, SelectedOperation, SendError, Sender};
use gmp::select;

fn parse(rx: &Receiver<&str>) -> Result<i32, Box<dyn std::error::Error>> {
    // `?` and `return` in arms, and the whole as an expression.
    let text = select! {
        recv(rx) -> msg => msg?,
        default(Duration::from_secs(60)) => return Ok(-1),
    };
    Ok(text.parse()?)
}

struct Worker {
    jobs: Receiver<u32>,
    done: Option<Sender<u32>>,
}

impl Worker {
    fn output(&self) -> &Sender<u32> {
        self.done.as_ref().unwrap()
    }
}

#[gmp::test(unsafe)]
fn arms_of_all_forms() {
    let (tx, rx) = chan::bounded::<&str>(3);
    ["1", "x"].into_iter().for_each(|s| tx.send(s).unwrap());
    assert_eq!(parse(&rx).unwrap(), 1);
    assert!(parse(&rx).is_err());
    tx.close();
    assert!(parse(&rx).unwrap_err().is::<RecvError>());

    let (jobs, queue) = chan::bounded(2);
    let (done, results) = chan::bounded(2);
    let worker = Worker { jobs: queue, done: Some(done) };
    jobs.send(4).unwrap();
    // Fields, methods, blocks with and without commas.
    for _ in 0..2 {
        select! {
            biased;
            recv(worker.jobs) -> job => { worker.output().send(job.unwrap()).unwrap(); }
            send(worker.output(), 5) -> res => res.unwrap(),
        }
    }
    assert_eq!(results.try_iter().collect::<Vec<_>>(), [4, 5]);

    // `break` with a value, `continue`, an arm that changes what its operand named.
    let (tx, mut rx) = chan::bounded(1);
    tx.send(1).unwrap();
    let mut turns = 0;
    let end = loop {
        turns += 1;
        select! {
            recv(&rx) -> n => match n {
                Ok(1) => { rx = chan::never(); continue }
                other => break other.is_ok(),
            },
            default => break turns == 2,
        }
    };
    assert!(end && rx.is_empty());
    let only_default = select! { default => 3 };
    assert_eq!(only_default, 3);
    let timeout = Duration::from_millis(1);
    let silent = select! { recv(chan::never::<u8>()) -> _ => 1, default(timeout) => 2, };
    assert_eq!(silent, 2);
}

#[gmp::test(unsafe)]
fn types_of_messages_and_results() {
    let (tx, rx) = chan::bounded::<String>(1);
    select! { send(tx, "sent".to_owned()) -> res => { let res: Result<(), SendError<String>> = res; res.unwrap() } }
    select! { recv(rx) -> msg => { let msg: Result<String, RecvError> = msg; assert_eq!(msg.unwrap(), "sent") } }
    drop(rx);
    let back = select! { send(&tx, "back".to_owned()) -> res => res.unwrap_err().0 };
    assert_eq!(back, "back");
    // Patterns; different types in one select; temporaries as operands.
    let (pairs, pair) = chan::bounded::<(u8, char)>(1);
    pairs.send((1, 'c')).unwrap();
    let got = select! {
        recv(pair) -> msg => msg.map_or(0, |(n, _)| n),
        recv(gmp::time::after(Duration::from_secs(600))) -> _ => 9,
    };
    assert_eq!(got, 1);
}

/// As a method of a struct with borrowed lists: crossbeam-channel's shape.
#[gmp::test(unsafe)]
fn a_list_made_at_run_time() {
    let channels: Vec<(Sender<usize>, Receiver<usize>)> =
        (0..3).map(|_| chan::bounded(1)).collect();
    channels[1].0.send(11).unwrap();
    let mut list = Select::new();
    let indices: Vec<usize> = channels.iter().map(|(_, rx)| list.recv(rx)).collect();
    assert_eq!(indices, [0, 1, 2]);
    let operation: SelectedOperation<'_> = list.select();
    assert_eq!(operation.index(), 1);
    assert_eq!(operation.recv(&channels[1].1), Ok(11));
    assert!(list.try_select().is_err());
    assert!(list.select_timeout(Duration::from_millis(1)).is_err());
    let (tx, rx) = chan::bounded(1);
    let send = list.send(&tx);
    let operation = list.select_timeout(Duration::from_secs(60)).unwrap();
    match operation.index() {
        i if i == send => operation.send(&tx, "mixed types").unwrap(),
        i => drop(operation.recv(&channels[i].1)),
    }
    assert_eq!(rx.recv(), Ok("mixed types"));
    let operation = list.try_select().unwrap();
    drop(rx);
    let refused: Result<(), SendError<&str>> = operation.send(&tx, "late");
    assert_eq!(refused.map_err(|error| error.0), Err("late"));
}
