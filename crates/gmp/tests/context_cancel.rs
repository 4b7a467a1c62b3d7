//! Contexts: cancellation, causes, values (go.md 1.7).

mod sync_common;

use std::io;

use gmp::context::{Context, ContextError, background};
use sync_common::with_all_parties;

/// Promise Z5.
#[test]
fn the_background_is_never_over() {
    let root = background();
    assert_eq!((root.err(), root.deadline(), root.cause().is_none()), (None, None, true));
    assert!(!root.done().is_closed());
}

/// Promise Z2.
#[test]
fn cancel_reaches_everything_below_before_it_returns() {
    with_all_parties(|parties| {
        let (top, cancel) = background().with_cancel();
        let mut all = vec![(top.clone(), None)];
        for i in 0..100 {
            let (below, handle) = all[i / 3].0.with_value(i).with_cancel();
            all.push((below, Some(handle)));
        }
        let (other, _keep) = background().with_cancel();
        let waiters: Vec<_> = (0..4)
            .map(|i| {
                let context = all[i * 20].0.clone();
                parties.start(i, move || context.done().recv().is_err())
            })
            .collect();
        assert!(all.iter().all(|(context, _)| context.err().is_none()));
        cancel.cancel();
        for (context, _) in &all {
            assert_eq!(context.err(), Some(ContextError::Canceled));
            assert!(context.done().is_closed());
        }
        assert_eq!(other.err(), None);
        assert!(waiters.into_iter().all(|w| w.join().unwrap()));
    });
}

/// Promise Z10.
#[test]
fn a_child_of_a_cancelled_context_is_cancelled_from_the_start() {
    let (top, cancel) = background().with_cancel();
    cancel.cancel_with("too slow");
    let (below, _handle) = top.with_cancel();
    assert_eq!(below.err(), Some(ContextError::Canceled));
    assert!(below.done().recv().is_err());
    assert_eq!(below.cause().map(|c| c.to_string()), Some("too slow".to_string()));
}

/// Promise Z14.
#[test]
fn cancelling_a_child_leaves_the_parent_alone() {
    let (top, _cancel) = background().with_cancel();
    let (below, cancel) = top.with_cancel();
    cancel.cancel();
    assert_eq!((below.err(), top.err()), (Some(ContextError::Canceled), None));
}

#[test]
fn dropping_the_handle_cancels() {
    let (context, cancel) = background().with_cancel();
    drop(cancel);
    assert_eq!(context.err(), Some(ContextError::Canceled));
}

/// Promises Z1, Z8.
#[test]
fn the_first_cause_wins_and_is_inherited() {
    let (top, cancel) = background().with_cancel();
    let (below, below_cancel) = top.with_cancel();
    let (own, own_cancel) = top.with_cancel();
    own_cancel.cancel();
    cancel.cancel_with(io::Error::other("disk on fire"));
    cancel.cancel_with("later");
    below_cancel.cancel_with("later still");
    let text = |context: &Context| context.cause().map(|c| c.to_string());
    assert_eq!(text(&top), Some("disk on fire".to_string()));
    assert_eq!(text(&below), Some("disk on fire".to_string()));
    assert_eq!(text(&own), Some("context canceled".to_string()));
    assert!(top.cause().is_some_and(|c| c.is::<io::Error>()));
}

/// Promise Z13.
#[test]
fn values_are_found_by_type_newest_first() {
    #[derive(Debug, PartialEq)]
    struct Request(u32);
    let outer = background().with_value(Request(1)).with_value("name");
    let inner = outer.with_value(Request(2));
    assert_eq!(outer.value(), Some(&Request(1)));
    assert_eq!((inner.value(), inner.value::<&str>()), (Some(&Request(2)), Some(&"name")));
    assert_eq!(inner.value::<u64>(), None);
    let (top, cancel) = inner.with_cancel();
    cancel.cancel();
    let free = top.without_cancel();
    assert_eq!((free.err(), free.deadline(), free.value()), (None, None, Some(&Request(2))));
}
