//! Linearizability: what parties see of two channels can be explained by some order of their operations in
//! which each takes effect at one instant between its call and its return.

mod histories;

use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gmp::chan::{self, Receiver, Sender, TryRecvError, TrySendError};
use gmp::select;

#[path = "../sync_common/mod.rs"]
mod sync_common;
use sync_common::Random;

const PARTIES: usize = 3;
const OPS: usize = 3;
const CAP: usize = 1;

/// An operation and what it said.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Sent(usize, u64),
    SendRefused(usize, bool),
    Received(usize, u64),
    ReceiveRefused(usize, bool),
    Closed(usize, bool),
    /// `default`: neither could be received from.
    Neither,
    /// `default`: the first could not be sent to, nor the second received from.
    NeitherWay,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    op: Op,
    call: usize,
    end: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    queue: [VecDeque<u64>; 2],
    closed: [bool; 2],
}

impl State {
    /// The state after `op`, if it can say so here.
    fn after(&self, op: Op) -> Option<State> {
        let mut next = self.clone();
        let ok = match op {
            Op::Sent(at, value) => {
                next.queue[at].push_back(value);
                !self.closed[at] && self.queue[at].len() < CAP
            }
            Op::SendRefused(at, closed) => {
                self.closed[at] == closed && (closed || self.queue[at].len() == CAP)
            }
            Op::Received(at, value) => next.queue[at].pop_front() == Some(value),
            Op::ReceiveRefused(at, closed) => {
                self.closed[at] == closed && self.queue[at].is_empty()
            }
            Op::Closed(at, first) => {
                next.closed[at] = true;
                self.closed[at] != first
            }
            Op::Neither => (0..2).all(|at| self.queue[at].is_empty() && !self.closed[at]),
            Op::NeitherWay => {
                self.queue[0].len() == CAP
                    && !self.closed[0]
                    && self.queue[1].is_empty()
                    && !self.closed[1]
            }
        };
        ok.then_some(next)
    }
}

/// Whether some order of the remaining events explains all of them.
fn explained(state: &State, rest: &[Event]) -> bool {
    let Some(first_end) = rest.iter().map(|e| e.end).min() else { return true };
    // Only what was called before everything else had returned can come first.
    (0..rest.len()).filter(|&i| rest[i].call < first_end).any(|i| {
        let mut others = rest.to_vec();
        let event = others.remove(i);
        state.after(event.op).is_some_and(|next| explained(&next, &others))
    })
}

fn act(random: &mut Random, value: u64, tx: &[Sender<u64>; 2], rx: &[Receiver<u64>; 2]) -> Op {
    let at = random.below(2) as usize;
    let received =
        |at, msg: Result<u64, _>| msg.map_or(Op::ReceiveRefused(at, true), |v| Op::Received(at, v));
    match random.below(12) {
        0..4 => match tx[at].try_send(value) {
            Ok(()) => Op::Sent(at, value),
            Err(err) => Op::SendRefused(at, matches!(err, TrySendError::Closed(_))),
        },
        4..7 => match rx[at].try_recv() {
            Ok(value) => Op::Received(at, value),
            Err(err) => Op::ReceiveRefused(at, err == TryRecvError::Closed),
        },
        7..9 => select! {
            recv(rx[0]) -> msg => received(0, msg),
            recv(rx[1]) -> msg => received(1, msg),
            default => Op::Neither,
        },
        9..11 => select! {
            send(tx[0], value) -> res => match res {
                Ok(()) => Op::Sent(0, value),
                Err(_) => Op::SendRefused(0, true),
            },
            recv(rx[1]) -> msg => received(1, msg),
            default => Op::NeitherWay,
        },
        _ => Op::Closed(at, tx[at].close()),
    }
}
