//! Timers and tickers that give values (go.md 1.8: T2, T3, T5, T6, T8).

mod sync_common;

use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::time::{Ticker, Timer, after, sleep, tick};
use sync_common::{Random, goroutine, with_all_parties};

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn t2_a_timer_fires_once_not_early_and_has_no_buffer() {
    with_all_parties(|parties| {
        parties.all(3, |_| {
            let since = Instant::now();
            let timer = Timer::new(SHORT);
            assert_eq!((timer.receiver().len(), timer.receiver().capacity()), (0, Some(0)));
            let when = timer.receiver().recv().unwrap();
            assert!(when >= since + SHORT && Instant::now() >= when);
            assert!(timer.receiver().try_recv().is_err());
            assert!(!timer.stop());
            assert!(after(SHORT).recv().is_ok());
        });
    });
}

#[test]
fn t2_nothing_stale_after_stop_or_reset() {
    with_all_parties(|parties| {
        parties.all(2, |_| {
            let timer = Timer::new(SHORT);
            sleep(2 * SHORT);
            // T3: due, but not received, counts as running.
            assert!(timer.stop());
            assert!(timer.receiver().try_recv().is_err());
            assert!(!timer.reset(SHORT));
            sleep(2 * SHORT);
            let since = Instant::now();
            assert!(timer.reset(SHORT));
            let when = timer.receiver().recv().unwrap();
            assert!(when >= since + SHORT, "the value of before the reset");
        });
    });
}

#[test]
fn t3_reset_moves_a_timer_that_is_waited_for() {
    with_all_parties(|parties| {
        let timer = Arc::new(Timer::new(LONG));
        let mine = Arc::clone(&timer);
        let waiter = parties.start(1, move || mine.receiver().recv());
        sleep(SHORT);
        assert!(timer.reset(SHORT));
        assert!(waiter.join().unwrap().is_ok());
    });
}

/// Exact under races: of a stop that says true and a receive that succeeds there is exactly one.
#[test]
fn t3_stop_and_receive_race_exactly() {
    goroutine(|| {
        let mut random = Random(3);
        for _ in 0..300 {
            let timer = Arc::new(Timer::new(Duration::from_micros(random.below(200))));
            let mine = Arc::clone(&timer);
            let receiver =
                gmp::go(move || mine.receiver().recv_timeout(Duration::from_millis(5)).is_ok());
            sleep(Duration::from_micros(random.below(300)));
            let stopped = timer.stop();
            assert!(stopped != receiver.join().unwrap());
        }
    });
}

#[test]
fn t5_a_ticker_drops_ticks_for_slow_readers_and_keeps_its_phase() {
    goroutine(|| {
        let since = Instant::now();
        let ticker = Ticker::new(SHORT);
        let first = ticker.receiver().recv().unwrap();
        assert!(first >= since + SHORT);
        sleep(10 * SHORT);
        // One tick was pending; what came after it is gone.
        let late = ticker.receiver().recv().unwrap();
        let next = ticker.receiver().recv().unwrap();
        for when in [late, next] {
            assert_eq!((when - first).as_nanos() % SHORT.as_nanos(), 0, "out of phase");
        }
        assert!(next > late);
        ticker.stop();
        assert!(ticker.receiver().recv_timeout(3 * SHORT).is_err());
        assert!(!ticker.receiver().is_closed());
        ticker.reset(SHORT);
        assert!(ticker.receiver().recv().is_ok());
    });
}

#[test]
fn t5_an_interval_of_nothing_is_refused() {
    assert!(catch_unwind(|| Ticker::new(Duration::ZERO)).is_err());
    assert!(catch_unwind(|| Ticker::new(LONG).reset(Duration::ZERO)).is_err());
}

#[test]
fn t6_tick_of_nothing_never_ticks() {
    goroutine(|| {
        assert!(tick(Duration::ZERO).recv_timeout(SHORT).is_err());
        assert!(tick(SHORT).recv().is_ok());
    });
}

#[test]
fn t8_the_time_sent_is_when_it_was_due() {
    goroutine(|| {
        let since = Instant::now();
        let timer = Timer::new(SHORT);
        sleep(20 * SHORT);
        let when = timer.receiver().recv().unwrap();
        assert!(when >= since + SHORT && when < since + 20 * SHORT);
    });
}

#[test]
fn durations_beyond_reckoning_are_for_ever() {
    goroutine(|| {
        let timer = Timer::new(Duration::MAX);
        assert!(timer.receiver().recv_timeout(SHORT).is_err());
        assert!(timer.reset(Duration::MAX) && timer.stop());
        Ticker::new(Duration::MAX).stop();
    });
}
