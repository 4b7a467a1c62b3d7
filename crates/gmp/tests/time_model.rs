//! Timers and tickers against a sequential model: stop, reset and receive in any order (go.md 1.8: T2, T3, T5).

use std::time::Duration;

use gmp::chan::TryRecvError;
use gmp::time::{Ticker, Timer};
use proptest::prelude::*;

const FAR: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Stopped, or its only value was received.
    Idle,
    /// Its value waits to be received.
    Due,
    /// To come, in an hour.
    Ahead,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Stop,
    ResetNow,
    ResetFar,
    Receive,
    ReceiveSoon,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        Just(Op::Stop),
        Just(Op::ResetNow),
        Just(Op::ResetFar),
        Just(Op::Receive),
        Just(Op::ReceiveSoon),
    ];
    prop::collection::vec(op, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Promise T2.
    #[test]
    fn a_timer_follows_the_model(begins_due: bool, ops in ops()) {
        let timer = Timer::new(if begins_due { Duration::ZERO } else { FAR });
        let mut state = if begins_due { State::Due } else { State::Ahead };
        for op in ops {
            let was_active = state != State::Idle;
            match op {
                Op::Stop => {
                    prop_assert_eq!(timer.stop(), was_active);
                    state = State::Idle;
                }
                Op::ResetNow => {
                    prop_assert_eq!(timer.reset(Duration::ZERO), was_active);
                    state = State::Due;
                }
                Op::ResetFar => {
                    prop_assert_eq!(timer.reset(FAR), was_active);
                    state = State::Ahead;
                }
                Op::Receive | Op::ReceiveSoon => {
                    let got = match op {
                        Op::Receive => timer.receiver().try_recv().is_ok(),
                        _ => timer.receiver().recv_timeout(Duration::from_micros(20)).is_ok(),
                    };
                    prop_assert_eq!(got, state == State::Due);
                    if got {
                        state = State::Idle;
                    }
                }
            }
            prop_assert_eq!((timer.receiver().len(), timer.receiver().capacity()), (0, Some(0)));
        }
    }

    /// Promise T5.
    #[test]
    fn a_ticker_follows_the_model(ops in ops()) {
        let ticker = Ticker::new(FAR);
        for op in ops {
            match op {
                Op::Stop => ticker.stop(),
                _ => ticker.reset(FAR),
            }
            // No tick of an earlier rhythm, and no end.
            prop_assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
        }
        // However late: one tick, and then the phase is kept.
        ticker.reset(Duration::from_micros(200));
        let first = ticker.receiver().recv().unwrap();
        let second = ticker.receiver().recv().unwrap();
        prop_assert_eq!((second - first).as_nanos() % 200_000, 0);
        prop_assert!(second > first);
    }
}
