//! Timers in a select: they are due when the clock says so, and never stale.

mod sync_common;

use std::time::{Duration, Instant};

use gmp::chan::{self, Select};
use gmp::select;
use gmp::time::{Timer, after, tick};
use sync_common::with_all_parties;

const SHORT: Duration = Duration::from_millis(2);

#[test]
fn a_timer_ends_a_select_not_early() {
    with_all_parties(|parties| {
        parties.all(3, |_| {
            let since = Instant::now();
            let rx = chan::never::<()>();
            select! {
                recv(rx) -> _ => unreachable!(),
                recv(after(Duration::from_secs(60))) -> _ => unreachable!(),
                recv(after(SHORT)) -> at => assert!(at.unwrap() >= since + SHORT),
            }
            assert!(since.elapsed() >= SHORT);
        });
    });
}

#[test]
fn the_earlier_of_timer_and_timeout_counts() {
    select! { recv(after(Duration::from_secs(60))) -> _ => unreachable!(), default(SHORT) => () }
    select! { recv(after(SHORT)) -> _ => (), default(Duration::from_secs(60)) => unreachable!() }
    select! { recv(after(SHORT)) -> _ => unreachable!(), default => () }
}

#[test]
fn a_reset_moves_a_select_that_waits() {
    with_all_parties(|parties| {
        let timer = std::sync::Arc::new(Timer::new(Duration::from_secs(3600)));
        let theirs = std::sync::Arc::clone(&timer);
        let since = Instant::now();
        let waiter = parties.start(0, move || {
            select! { recv(theirs.receiver()) -> _ => (), recv(chan::never::<()>()) -> _ => unreachable!() }
        });
        let resetter = parties.start(1, move || {
            gmp::time::sleep(SHORT);
            timer.reset(SHORT)
        });
        assert!(resetter.join().unwrap());
        waiter.join().unwrap();
        assert!(since.elapsed() >= SHORT);
    });
}

#[test]
fn a_tick_goes_to_one_of_several_selects() {
    with_all_parties(|parties| {
        let ticks = tick(Duration::from_micros(200));
        let (sum, total) = chan::unbounded();
        let since = Instant::now();
        parties.all(4, move |_| {
            for _ in 0..10 {
                select! { recv(ticks) -> at => sum.send(at.unwrap()).unwrap() }
            }
        });
        let mut all: Vec<Instant> = total.iter().collect();
        assert!(since.elapsed() >= Duration::from_micros(200) * 40);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 40);
    });
}

#[test]
fn in_a_dynamic_list() {
    let (soon, late) = (after(SHORT), after(Duration::from_secs(60)));
    let mut select = Select::new();
    let indices = (select.recv(&late), select.recv(&soon));
    let op = select.select();
    assert_eq!((op.index(), indices), (1, (0, 1)));
    assert!(op.recv(&soon).is_ok());
}
