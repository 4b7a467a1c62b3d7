//! `time`.

use std::time::{Duration, Instant};

use gmp::chan::Receiver;
use gmp::time::{self, Ticker, Timer};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

#[gmp::test(unsafe)]
fn sleeping() {
    let begin: Instant = time::now();
    time::sleep(SHORT);
    time::sleep_until(begin + 2 * SHORT);
    assert!(begin.elapsed() >= 2 * SHORT);
    let one: Receiver<Instant> = time::after(SHORT);
    assert!(one.recv().unwrap() >= begin);
    let many: Receiver<Instant> = time::tick(SHORT);
    assert_eq!(many.iter().take(2).count(), 2);
}

#[gmp::test(unsafe)]
fn timers() {
    let timer = Timer::new(LONG);
    let receiver: &Receiver<Instant> = timer.receiver();
    assert_eq!((receiver.len(), receiver.capacity(), receiver.is_empty()), (0, Some(0), true));
    let active: bool = timer.reset(SHORT);
    assert!(active && receiver.recv().is_ok());
    assert!(!timer.stop() && !timer.reset(LONG) && timer.stop() && !timer.stop());
    let (tx, rx) = gmp::chan::unbounded();
    let mut runs = 0;
    let func = Timer::after_func(SHORT, move || {
        runs += 1;
        tx.send(runs).unwrap();
    });
    assert_eq!(rx.recv(), Ok(1));
    assert!(!func.reset(SHORT) && rx.recv() == Ok(2) && !func.stop());
    assert!(func.receiver().try_recv().is_err());
    drop(timer);
}

#[gmp::test(unsafe)]
fn tickers() {
    let ticker = Ticker::new(LONG);
    let receiver: &Receiver<Instant> = ticker.receiver();
    assert_eq!((receiver.len(), receiver.capacity()), (0, Some(0)));
    ticker.reset(SHORT);
    let ticks = receiver.clone();
    assert!(ticks.recv().unwrap() < receiver.recv().unwrap());
    ticker.stop();
    assert!(receiver.recv_timeout(5 * SHORT).is_err());
    let kept = { Ticker::new(SHORT).receiver().clone() };
    assert!(kept.recv().is_ok(), "dropping a handle stops nothing");
}
