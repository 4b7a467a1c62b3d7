//! Channels and selects against a sequential model: random operations, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use gmp::chan::{
    self, Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use gmp::select;
use proptest::prelude::*;

/// What a channel is: a queue, a limit, and whether it is closed.
#[derive(Debug)]
struct Model {
    queue: VecDeque<u32>,
    cap: usize,
    closed: bool,
}
impl Model {
    fn can_send(&self) -> bool {
        self.closed || self.queue.len() < self.cap
    }
    fn can_recv(&self) -> bool {
        self.closed || !self.queue.is_empty()
    }

    fn send(&mut self, value: u32) -> Result<(), TrySendError<u32>> {
        if self.closed {
            return Err(TrySendError::Closed(value));
        }
        if self.queue.len() == self.cap {
            return Err(TrySendError::Full(value));
        }
        self.queue.push_back(value);
        Ok(())
    }
    fn recv(&mut self) -> Result<u32, TryRecvError> {
        let end = if self.closed { TryRecvError::Closed } else { TryRecvError::Empty };
        self.queue.pop_front().ok_or(end)
    }
}

fn real(cap: usize) -> (Model, Sender<u32>, Receiver<u32>) {
    let (tx, rx) = if cap == 9 { chan::unbounded() } else { chan::bounded(cap) };
    let cap = if cap == 9 { usize::MAX } else { cap };
    (Model { queue: VecDeque::new(), cap, closed: false }, tx, rx)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3_000 }))]

    #[test]
    fn a_channel_is_a_queue(cap in 0_usize..10, ops in prop::collection::vec((0_u8..12, any::<u32>()), 0..200)) {
        let (mut model, tx, rx) = real(cap);
        for (op, value) in ops {
            match op {
                0..3 => prop_assert_eq!(tx.try_send(value), model.send(value)),
                3..6 => prop_assert_eq!(rx.try_recv(), model.recv()),
                6 if model.can_send() => {
                    prop_assert_eq!(tx.send(value).map_err(TrySendError::from), model.send(value));
                }
                7 if model.can_recv() => {
                    prop_assert_eq!(rx.recv().map_err(TryRecvError::from), model.recv());
                }
                8 => {
                    let end = model.send(value).map_err(|err| match err {
                        TrySendError::Full(v) => SendTimeoutError::Timeout(v),
                        TrySendError::Closed(v) => SendTimeoutError::Closed(v),
                    });
                    prop_assert_eq!(tx.send_timeout(value, Duration::ZERO), end);
                }
                9 => {
                    let end = model.recv().map_err(|err| match err {
                        TryRecvError::Empty => RecvTimeoutError::Timeout,
                        TryRecvError::Closed => RecvTimeoutError::Closed,
                    });
                    prop_assert_eq!(rx.recv_timeout(Duration::ZERO), end);
                }
                10 if value % 16 == 0 => {
                    prop_assert_eq!(tx.close(), !model.closed);
                    model.closed = true;
                }
                _ => prop_assert_eq!(rx.try_iter().take(2).count(), {
                    (0..2).take_while(|_| model.recv().is_ok()).count()
                }),
            }
            prop_assert_eq!(tx.len(), model.queue.len());
            prop_assert_eq!(rx.is_closed(), model.closed);
            prop_assert_eq!(rx.is_full(), model.queue.len() >= model.cap);
        }
    }

    #[test]
    fn a_select_takes_one_of_the_ready(
        caps in prop::collection::vec(0_usize..10, 3),
        prefix in prop::collection::vec((0_usize..3, any::<u32>()), 0..12),
        close in prop::collection::vec(prop::bool::weighted(0.2), 3),
        arms in prop::collection::vec((0_usize..3, any::<bool>()), 1..8),
        rounds in 1_usize..12,
    ) {
        let mut all: Vec<_> = caps.into_iter().map(real).collect();
        for (at, value) in prefix {
            let (model, tx, _) = &mut all[at];
            prop_assert_eq!(tx.try_send(value), model.send(value));
        }
        for ((model, tx, _), close) in all.iter_mut().zip(close) {
            if close {
                tx.close();
                model.closed = true;
            }
        }
        let (mut models, ends): (Vec<_>, Vec<_>) = all.into_iter().map(|(m, tx, rx)| (m, (tx, rx))).unzip();
        let mut list = Select::new();
        for &(at, sends) in &arms {
            if sends { list.send(&ends[at].0) } else { list.recv(&ends[at].1) };
        }
        for round in 0..rounds as u32 {
            let ready = |&(at, sends): &(usize, bool)| {
                if sends { models[at].can_send() } else { models[at].can_recv() }
            };
            let any_ready = arms.iter().any(ready);
            // The dynamic list and the macro by turns.
            if round % 2 == 0 {
                let Ok(op) = list.try_select() else {
                    prop_assert!(!any_ready);
                    continue;
                };
                let (at, sends) = arms[op.index()];
                prop_assert!(ready(&(at, sends)));
                if sends {
                    let end = op.send(&ends[at].0, round).map_err(TrySendError::from);
                    prop_assert_eq!(end, models[at].send(round));
                } else {
                    prop_assert_eq!(op.recv(&ends[at].1).map_err(TryRecvError::from), models[at].recv());
                }
            } else {
                let (first, second) = (arms[0].0, arms[arms.len() - 1].0);
                select! {
                    recv(ends[first].1) -> msg => {
                        prop_assert_eq!(msg.map_err(TryRecvError::from), models[first].recv());
                    }
                    send(ends[second].0, round) -> res => {
                        prop_assert_eq!(res.map_err(TrySendError::from), models[second].send(round));
                    }
                    default => prop_assert!(!models[first].can_recv() && !models[second].can_send()),
                }
            }
        }
    }
}
