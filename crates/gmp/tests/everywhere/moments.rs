//! Sleeping, timers, tickers and contexts.

use std::time::{Duration, Instant};

use gmp::chan;
use gmp::context::{ContextError, background};
use gmp::select;
use gmp::time::{Ticker, Timer, after, sleep, sleep_until};

use super::{both, in_all_places};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_sleep_is_not_short() {
    in_all_places(|a, b| {
        let sleeps = || {
            let began = Instant::now();
            sleep(SHORT);
            let deadline = Instant::now() + SHORT;
            sleep_until(deadline);
            began.elapsed() >= 2 * SHORT && Instant::now() >= deadline
        };
        assert_eq!(both((a, sleeps), (b, sleeps)), (true, true), "{a:?} {b:?}");
    });
}

#[test]
fn a_timer_is_reset_while_somebody_waits_for_it() {
    in_all_places(|a, b| {
        let timer = std::sync::Arc::new(Timer::new(LONG));
        let (resets, waits) = (std::sync::Arc::clone(&timer), timer);
        let (ready, begins) = chan::bounded(0);
        let waiter = move || {
            ready.send(()).unwrap();
            let tick = select! {
                recv(waits.receiver()) -> tick => tick.unwrap(),
                recv(chan::never()) -> tick => tick.unwrap(),
            };
            (tick, waits.stop())
        };
        let resetter = move || {
            begins.recv().unwrap();
            let now = Instant::now();
            (now, resets.reset(SHORT))
        };
        let ((tick, stopped), (now, was_armed)) = both((a, waiter), (b, resetter));
        assert!(tick >= now + SHORT && was_armed && !stopped, "{a:?} {b:?}");
    });
}

#[test]
fn ticks_and_functions_come() {
    in_all_places(|a, b| {
        let ticks = || {
            let ticker = Ticker::new(SHORT);
            let ticks: Vec<_> = ticker.receiver().iter().take(3).collect();
            ticker.stop();
            ticks.is_sorted() && after(SHORT).recv().is_ok()
        };
        let runs = || {
            let (ran, runs) = chan::bounded(1);
            let timer = Timer::after_func(SHORT, move || ran.send(()).unwrap());
            runs.recv().unwrap();
            !timer.stop()
        };
        assert_eq!(both((a, ticks), (b, runs)), (true, true), "{a:?} {b:?}");
    });
}

#[test]
fn a_cancellation_reaches_who_waits() {
    in_all_places(|a, b| {
        let (context, cancel) = background().with_value(5).with_cancel();
        let (below, _kept) = context.with_cancel();
        let ((ran, runs), (ready, begins)) = (chan::bounded(1), chan::bounded(0));
        let _stop = below.after_func(move || ran.send(()).unwrap());
        let waiter = move || {
            ready.send(()).unwrap();
            select! { recv(below.done()) -> end => end.unwrap_err(), default(LONG) => unreachable!() };
            below.done().recv().unwrap_err();
            runs.recv().unwrap();
            (below.err(), below.value::<i32>().copied(), below.cause().unwrap().to_string())
        };
        let canceller = move || {
            begins.recv().unwrap();
            cancel.cancel_with("enough");
            context.err()
        };
        let canceled = Some(ContextError::Canceled);
        let expected = ((canceled, Some(5), "enough".to_string()), canceled);
        assert_eq!(both((a, waiter), (b, canceller)), expected, "{a:?} {b:?}");
    });
}

#[test]
fn a_deadline_comes() {
    in_all_places(|a, b| {
        let waits = || {
            let began = Instant::now();
            let (context, cancel) = background().with_timeout(SHORT);
            context.done().recv().unwrap_err();
            drop(cancel);
            (context.err(), began.elapsed() >= SHORT)
        };
        let over = (Some(ContextError::DeadlineExceeded), true);
        assert_eq!(both((a, waits), (b, waits)), (over, over), "{a:?} {b:?}");
    });
}
