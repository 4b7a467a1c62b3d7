//! Time limits at the ends of what can be said: nothing overflows into "now", and nothing waits for the past.

mod sync_common;

use std::time::{Duration, Instant};

use gmp::chan::{self, RecvTimeoutError, Select, SendTimeoutError};
use gmp::context::{Context, ContextError};
use gmp::sync::{Condvar, Mutex};
use gmp::time::{Ticker, Timer, after, sleep, sleep_until, tick};
use gmp::{go, select};
use sync_common::goroutine;

const HOUR: Duration = Duration::from_secs(3600);

/// What waits, by name, and how.
type Wait<L> = (&'static str, fn(L));

/// Runs `waits`, a goroutine for each and each of `limits`; none may end.
#[track_caller]
fn none_ends<L: Copy + Send + Sync + 'static>(limits: &[L], waits: &[Wait<L>]) {
    let first = goroutine(|| {
        let (over, ended) = chan::unbounded();
        for (&limit, &(name, wait)) in limits.iter().flat_map(|l| waits.iter().map(move |w| (l, w)))
        {
            let over = over.clone();
            go(move || {
                wait(limit);
                over.send(name)
            });
        }
        ended.recv_timeout(Duration::from_millis(50))
    });
    assert_eq!(first, Err(RecvTimeoutError::Timeout));
}

#[test]
fn durations_beyond_reckoning() {
    let seconds = [u64::MAX, 1 << 62, 1 << 40].map(Duration::from_secs);
    let limits = [&seconds[..], &[Duration::MAX, Duration::from_nanos(u64::MAX)]].concat();
    none_ends(
        &limits,
        &[
            ("sleep", sleep),
            ("after", |d| _ = after(d).recv()),
            ("tick", |d| _ = tick(d).recv()),
            ("Timer", |d| _ = Timer::new(d).receiver().recv()),
            ("Timer::reset", |d| {
                let timer = Timer::new(HOUR);
                assert!(timer.reset(d));
                timer.receiver().recv().unwrap();
            }),
            ("Ticker", |d| {
                let ticker = Ticker::new(d);
                ticker.reset(d);
                ticker.receiver().recv().unwrap();
            }),
            ("after_func", |d| {
                let (tx, rx) = chan::bounded(1);
                let timer = Timer::after_func(d, move || tx.send(()).unwrap());
                assert!(timer.reset(d));
                rx.recv().unwrap();
            }),
            ("recv_timeout", |d| {
                let (_tx, rx) = chan::bounded::<u8>(0);
                assert_eq!(rx.recv_timeout(d), Ok(1));
            }),
            ("send_timeout", |d| {
                let (tx, _rx) = chan::bounded::<u8>(0);
                tx.send_timeout(1, d).unwrap();
            }),
            ("with_timeout", |d| {
                let (context, _cancel) = Context::background().with_timeout(d);
                assert!(context.done().recv().is_err());
            }),
            ("select!", |d| select! { recv(chan::never::<u8>()) -> _ => (), default(d) => () }),
            ("select_timeout", |d| assert!(Select::new().select_timeout(d).is_err())),
            ("wait_for", |d| assert!(Condvar::new().wait_for(&mut Mutex::new(()).lock(), d))),
        ],
    );
}

#[test]
fn deadlines_beyond_reckoning() {
    let now = Instant::now();
    let bits = [31, 33, 34, 40, 50, 60, 62];
    let limits: Vec<_> =
        bits.iter().filter_map(|&bit| now.checked_add(Duration::from_secs(1 << bit))).collect();
    assert!(limits.len() > 1);
    none_ends(
        &limits,
        &[
            ("sleep_until", sleep_until),
            ("recv_deadline", |at| {
                let (_tx, rx) = chan::bounded::<u8>(0);
                assert_eq!(rx.recv_deadline(at), Ok(1));
            }),
            ("send_deadline", |at| {
                let (tx, _rx) = chan::bounded::<u8>(0);
                tx.send_deadline(1, at).unwrap();
            }),
            ("with_deadline", |at| {
                let (context, _cancel) = Context::background().with_deadline(at);
                assert!(context.done().recv().is_err());
            }),
            ("select_deadline", |at| assert!(Select::new().select_deadline(at).is_err())),
        ],
    );
}

#[test]
fn no_time_at_all() {
    goroutine(|| {
        let now = Instant::now();
        let past = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let (tx, rx) = chan::bounded(1);
        // What is possible at once is done; else the limit has passed.
        assert_eq!((tx.send_deadline(1, past), rx.recv_deadline(past)), (Ok(()), Ok(1)));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(tx.send_timeout(2, Duration::ZERO), Ok(()));
        assert_eq!(tx.send_timeout(3, Duration::ZERO), Err(SendTimeoutError::Timeout(3)));
        assert_eq!(tx.send_deadline(3, past), Err(SendTimeoutError::Timeout(3)));
        assert_eq!(select! { recv(rx) -> n => n.ok(), default(Duration::ZERO) => None }, Some(2));
        assert_eq!(select! { recv(rx) -> n => n.ok(), default(Duration::ZERO) => None }, None);
        let mut list = Select::new();
        list.recv(&rx);
        assert!(list.select_deadline(past).is_err());
        tx.close();
        assert_eq!(rx.recv_deadline(past), Err(RecvTimeoutError::Closed));
        assert_eq!(tx.send_deadline(3, past), Err(SendTimeoutError::Closed(3)));
        assert_eq!(list.select_deadline(past).unwrap().recv(&rx), Err(chan::RecvError));
        let (context, cancel) = Context::background().with_deadline(past);
        cancel.cancel_with("too late to be the cause");
        assert_eq!(
            context.cause().unwrap().to_string(),
            ContextError::DeadlineExceeded.to_string()
        );
        sleep_until(past);
        assert!(after(Duration::ZERO).try_recv().is_ok());
        // A tick that is due and was not received counts as still to come.
        let timer = Timer::new(Duration::ZERO);
        assert!(timer.stop() && !timer.stop() && timer.receiver().try_recv().is_err());
        assert!(
            !timer.reset(Duration::ZERO) && timer.receiver().try_recv().is_ok() && !timer.stop()
        );
        assert!(!Condvar::new().wait_for(&mut Mutex::new(()).lock(), Duration::ZERO));
    });
}
