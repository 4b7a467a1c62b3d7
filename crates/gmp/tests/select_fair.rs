//! X2: among ready arms each is taken with the same probability; within 10 σ of it over a million picks.

mod sync_common;

use gmp::chan::{self, Select};
use gmp::select;
use sync_common::goroutine;

const PICKS: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// Panics unless `counts` looks like draws with equal probability.
#[track_caller]
fn assert_uniform(counts: &[u32]) {
    let n = f64::from(counts.iter().sum::<u32>());
    let p = 1.0 / counts.len() as f64;
    let sigma = (n * p * (1.0 - p)).sqrt();
    for &count in counts {
        let off = (f64::from(count) - n * p).abs();
        assert!(off < 10.0 * sigma, "{counts:?}: off by {:.1} sigma", off / sigma);
    }
    // The sum of squares has as many degrees of freedom as there are arms, less one.
    let chi: f64 = counts.iter().map(|&c| (f64::from(c) - n * p).powi(2) / (n * p)).sum();
    let freedom = counts.len() as f64 - 1.0;
    assert!(chi < freedom + 10.0 * (2.0 * freedom).sqrt(), "{counts:?}: chi square {chi:.1}");
}

#[test]
fn x2_the_harness_can_fail() {
    let unfair = std::panic::catch_unwind(|| assert_uniform(&[50_000, 51_700, 48_300]));
    assert!(unfair.is_err());
    assert_uniform(&[50_000, 50_200, 49_800]);
}

#[test]
fn x2_each_of_the_ready_arms() {
    let body = || {
        let closed = chan::bounded::<()>(0).1;
        let (full, room) = (chan::bounded(1), chan::bounded(1));
        let off = chan::never::<()>();
        let mut counts = [0; 5];
        full.0.send(()).unwrap();
        for _ in 0..PICKS {
            select! {
                recv(closed) -> _ => counts[0] += 1,
                recv(off) -> _ => unreachable!(),
                recv(full.1) -> _ => { counts[1] += 1; full.0.send(()).unwrap(); }
                send(full.0, ()) -> _ => unreachable!(),
                recv(closed) -> _ => counts[2] += 1,
                send(room.0, ()) -> _ => { counts[3] += 1; room.1.recv().unwrap(); }
                recv(closed) -> _ => counts[4] += 1,
                default => unreachable!(),
            }
        }
        assert_uniform(&counts);
    };
    body();
    goroutine(body);
}

#[test]
fn x2_with_timers_among_them() {
    // Timers take the long way: all locks, and the clock.
    let due = gmp::time::tick(std::time::Duration::from_nanos(1));
    let closed = chan::bounded::<()>(0).1;
    let mut counts = [0; 2];
    for _ in 0..PICKS {
        select! {
            recv(closed) -> _ => counts[0] += 1,
            recv(due) -> _ => counts[1] += 1,
        }
    }
    assert_uniform(&counts);
}

#[test]
fn x2_dynamic() {
    let closed: Vec<_> = (0..10).map(|_| chan::bounded::<()>(0).1).collect();
    let mut select = Select::new();
    closed.iter().for_each(|rx| _ = select.recv(rx));
    let mut counts = [0; 10];
    for _ in 0..PICKS {
        let op = select.select();
        let index = op.index();
        counts[index] += 1;
        assert!(op.recv(&closed[index]).is_err());
    }
    assert_uniform(&counts);
}
