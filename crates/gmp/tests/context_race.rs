//! Contexts under races (go.md 1.7; issue 5).

mod sync_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gmp::context::{Context, background};
use proptest::prelude::*;
use sync_common::with_all_parties;

/// `err` is `Some` if and only if `done` is closed: looked at in both orders while somebody cancels.
/// Promise Z6.
#[test]
fn err_and_done_agree_at_all_times() {
    with_all_parties(|parties| {
        for round in 0..if cfg!(debug_assertions) { 300 } else { 5_000 } {
            let (top, cancel) = background().with_cancel();
            let (below, _handle) = top.with_cancel();
            if round % 2 == 0 {
                // Asked for beforehand; else it is made during the race.
                below.done();
            }
            let observers: Vec<_> = (0..2)
                .map(|i| {
                    let context = below.clone();
                    parties.start(i, move || {
                        loop {
                            if context.err().is_some() {
                                assert!(context.done().is_closed());
                                return;
                            }
                            if context.done().is_closed() {
                                assert!(context.err().is_some());
                                return;
                            }
                            gmp::yield_now();
                        }
                    })
                })
                .collect();
            cancel.cancel();
            observers.into_iter().for_each(|o| o.join().unwrap());
        }
    });
}

/// When a `cancel` returns, everything below is over, even if another one had begun.
/// Promise Z1.
#[test]
fn two_cancellations_do_not_leave_each_other_work() {
    with_all_parties(|parties| {
        for _ in 0..100 {
            let (top, cancel_top) = background().with_cancel();
            let (middle, cancel_middle) = top.with_cancel();
            let leaves: Vec<_> = (0..50).map(|_| middle.with_cancel()).collect();
            let contexts: Arc<Vec<Context>> =
                Arc::new(leaves.iter().map(|(c, _)| c.clone()).collect());
            let check = {
                let contexts = Arc::clone(&contexts);
                move || assert!(contexts.iter().all(|c| c.err().is_some()))
            };
            let checked = check.clone();
            let other = parties.start(1, move || {
                cancel_middle.cancel();
                checked();
            });
            cancel_top.cancel();
            check();
            other.join().unwrap();
        }
    });
}

/// Children that come and go while the parent is cancelled: none is left alive.
/// Promise Z2.
#[test]
fn no_child_escapes_a_cancellation() {
    with_all_parties(|parties| {
        let (top, cancel) = background().with_cancel();
        let over = Arc::new(AtomicBool::new(false));
        let mine = Arc::clone(&over);
        let canceller = parties.start(1, move || {
            cancel.cancel();
            mine.store(true, Ordering::Release);
        });
        parties.all(4, move |_| {
            loop {
                let last = over.load(Ordering::Acquire);
                let (below, _handle) = top.with_cancel();
                if last {
                    assert!(below.err().is_some());
                    return;
                }
                gmp::yield_now();
            }
        });
        canceller.join().unwrap();
    });
}

proptest! {
    /// A tree is over where the model says: below every node that was cancelled, nowhere else.
    /// Promise Z14.
    #[test]
    fn trees_follow_the_model(ops in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..80)) {
        let (top, cancel) = background().with_cancel();
        let mut nodes = vec![(top, Some(cancel))];
        let mut model = vec![(0, false)];
        for (grow, at) in ops {
            let at = at.index(nodes.len());
            if grow {
                let (below, handle) = nodes[at].0.with_cancel();
                nodes.push((below, Some(handle)));
                model.push((at, model[at].1));
            } else {
                drop(nodes[at].1.take());
                model[at].1 = true;
                for i in at + 1..model.len() {
                    model[i].1 |= model[model[i].0].1;
                }
            }
            let over: Vec<bool> = nodes.iter().map(|(c, _)| c.err().is_some()).collect();
            let expected: Vec<bool> = model.iter().map(|m| m.1).collect();
            prop_assert_eq!(over, expected);
        }
    }
}
