//! `chan` without `select!`.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::chan::{self, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender};
use gmp::chan::{TryRecvError, TrySendError};

const SHORT: Duration = Duration::from_millis(1);

#[gmp::test(unsafe)]
fn senders() {
    let (tx, rx): (Sender<u8>, Receiver<u8>) = chan::bounded::<u8>(1);
    let sent: Result<(), SendError<u8>> = tx.send(1);
    sent.unwrap();
    let refused: Result<(), TrySendError<u8>> = tx.try_send(2);
    assert!(matches!(refused, Err(TrySendError::Full(2))));
    let late: Result<(), SendTimeoutError<u8>> = tx.send_timeout(2, SHORT);
    assert!(matches!(late, Err(SendTimeoutError::Timeout(2))));
    let late: Result<(), SendTimeoutError<u8>> = tx.send_deadline(2, Instant::now());
    assert_eq!(late.unwrap_err().into_inner(), 2);
    let other = tx.clone();
    assert!(tx.same_channel(&other) && !tx.is_closed() && !tx.is_empty() && tx.is_full());
    assert_eq!((tx.len(), tx.capacity()), (1, Some(1)));
    let closed: bool = tx.close();
    assert!(closed && !other.close() && rx.is_closed());
    assert_eq!(tx.send(3).unwrap_err().0, 3);
    assert!(matches!(tx.try_send(3), Err(TrySendError::Closed(3))));
    assert!(matches!(tx.send_timeout(3, SHORT), Err(SendTimeoutError::Closed(3))));
    assert_eq!(chan::unbounded::<u8>().0.capacity(), None);
}

#[gmp::test(unsafe)]
fn receivers() {
    let (tx, rx) = chan::unbounded::<String>();
    let late: Result<String, RecvTimeoutError> = rx.recv_timeout(SHORT);
    assert_eq!(late, Err(RecvTimeoutError::Timeout));
    assert_eq!(rx.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    let empty: Result<String, TryRecvError> = rx.try_recv();
    assert_eq!(empty, Err(TryRecvError::Empty));
    ["a", "b", "c", "d", "e", "f"].into_iter().for_each(|s| tx.send(s.into()).unwrap());
    let one: Result<String, RecvError> = rx.recv();
    assert_eq!(one.as_deref(), Ok("a"));
    assert_eq!((rx.len(), rx.is_empty(), rx.is_full(), rx.capacity()), (5, false, false, None));
    assert_eq!(rx.iter().next().as_deref(), Some("b"));
    assert_eq!(rx.try_iter().take(1).collect::<Vec<String>>(), ["c"]);
    let mut words = (&rx).into_iter();
    assert_eq!(words.next().as_deref(), Some("d"));
    let second = rx.clone();
    assert!(second.same_channel(&rx));
    let closed: bool = rx.close();
    assert!(closed && !rx.close() && tx.is_closed());
    assert_eq!(second.into_iter().collect::<Vec<_>>(), ["e", "f"]);
    assert_eq!(rx.recv(), Err(RecvError));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Closed));
    assert_eq!(chan::never::<u8>().recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
}

fn double(rx: Receiver<u32>) -> impl Iterator<Item = u32> {
    let (tx, out) = chan::bounded(4);
    gmp::go(move || rx.into_iter().map(|n| 2 * n).try_for_each(|n| tx.send(n)));
    out.into_iter()
}

fn first(rx: &Receiver<u32>) -> Result<u32, Box<dyn Error>> {
    Ok(rx.recv()?)
}

fn pass<T: Send + Sync + 'static>(
    tx: &Sender<T>,
    value: T,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    tx.send(value)?;
    Ok(())
}

#[gmp::test(unsafe)]
fn in_programs() {
    let (tx, rx) = chan::bounded(2);
    gmp::go(move || (1..=3).try_for_each(|n| tx.send(n)));
    assert_eq!(double(rx).sum::<u32>(), 12);
    let (tx, rx) = chan::bounded(1);
    pass(&tx, 7).unwrap();
    assert_eq!(first(&rx).unwrap(), 7);
    drop(rx);
    assert!(pass(&tx, 7).is_err());
    // Closures, trait objects, references, and channels in channels.
    let (jobs, queue) = chan::unbounded::<Box<dyn FnOnce() -> u8 + Send>>();
    jobs.send(Box::new(|| 1)).unwrap();
    jobs.send(Box::new(|| 2)).unwrap();
    drop(jobs);
    assert_eq!(queue.iter().map(|job| job()).sum::<u8>(), 3);
    let (requests, inbox) = chan::bounded::<(u8, Sender<u8>)>(0);
    let server = gmp::go(move || inbox.iter().try_for_each(|(n, reply)| reply.send(n + 1)));
    let (reply, answer) = chan::bounded(1);
    requests.send((1, reply)).unwrap();
    assert_eq!(answer.recv(), Ok(2));
    drop(requests);
    server.join().unwrap().unwrap();
    let words = [String::from("x"), String::from("yy")];
    let (tx, rx) = chan::bounded::<&str>(2);
    let total = gmp::scope(|s| {
        s.go(|| words.iter().for_each(|w| tx.send(w).unwrap()));
        rx.iter().take(2).map(str::len).sum::<usize>()
    });
    assert_eq!(total, 3);
    let shared = Arc::new(chan::bounded::<Arc<dyn Fn() -> u8 + Send + Sync>>(1));
    shared.0.send(Arc::new(|| 4)).unwrap();
    assert_eq!(shared.1.recv().unwrap()(), 4);
}

#[gmp::test(unsafe)]
fn futures() {
    fn output<T>(future: impl Future<Output = T>) -> T {
        gmp::block_on(future)
    }
    let (tx, rx) = chan::bounded::<u8>(1);
    tx.send(1).unwrap();
    assert_eq!(output(rx.recv_async()), Ok(1));
    drop(tx);
    assert_eq!(output(async { rx.recv_async().await }), Err(RecvError));
}
