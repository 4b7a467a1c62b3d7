//! `Once`, `OnceLock`, `LazyLock`: once, and what a panic leaves behind (api.md).

mod sync_common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::sync::{LazyLock, Once, OnceLock};
use sync_common::with_all_parties;

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// Promise Y17.
#[test]
fn once_runs_once_and_everybody_waits_for_it() {
    with_all_parties(|parties| {
        let once = Arc::new((Once::new(), AtomicUsize::new(0)));
        let mine = Arc::clone(&once);
        parties.all(8, move |_| {
            mine.0.call_once(|| {
                gmp::yield_now();
                mine.1.fetch_add(1, Ordering::Relaxed);
            });
            assert!(mine.0.is_completed());
            assert_eq!(mine.1.load(Ordering::Relaxed), 1);
        });
        assert_eq!(once.1.load(Ordering::Relaxed), 1);
    });
}

/// Promise Y18.
#[test]
fn a_panic_leaves_once_undone() {
    let once = Once::new();
    assert!(panics(|| once.call_once(|| resume_unwind(Box::new("on purpose")))));
    assert!(!once.is_completed());
    let mut ran = false;
    once.call_once(|| ran = true);
    assert!(ran && once.is_completed());
    once.call_once(|| unreachable!("it is done"));
}

#[test]
fn once_lock_gives_everybody_the_same_value() {
    with_all_parties(|parties| {
        let cell = Arc::new(OnceLock::new());
        let values = parties.all(8, move |i| *cell.get_or_init(|| i));
        assert!(values.iter().all(|&v| v == values[0]));
    });
}

#[test]
fn once_lock_is_set_once() {
    let mut cell = OnceLock::new();
    assert_eq!(cell.get(), None);
    assert_eq!(cell.set("a"), Ok(()));
    assert_eq!(cell.set("b"), Err("b"));
    assert_eq!(cell.get_or_init(|| "c"), &"a");
    assert_eq!(cell.clone().into_inner(), Some("a"));
    assert_eq!(cell.take(), Some("a"));
    assert_eq!(cell.get_mut(), None);
}

/// Promise Y18.
#[test]
fn a_panic_leaves_once_lock_empty_for_the_next() {
    let cell = OnceLock::new();
    assert!(panics(|| {
        cell.get_or_init(|| resume_unwind(Box::new("on purpose")));
    }));
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_or_init(|| 3), &3);
}

#[test]
fn lazy_lock_computes_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    with_all_parties(|parties| {
        RUNS.store(0, Ordering::Relaxed);
        let lazy = Arc::new(LazyLock::new(|| RUNS.fetch_add(1, Ordering::Relaxed) + 41));
        assert_eq!(parties.all(6, move |_| **lazy), [41; 6]);
        assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    });
}

/// Promise Y18.
#[test]
fn a_panic_poisons_lazy_lock() {
    let lazy: LazyLock<u32> = LazyLock::new(|| resume_unwind(Box::new("on purpose")));
    assert!(panics(|| assert_eq!(*lazy, 0)));
    let second = catch_unwind(AssertUnwindSafe(|| *lazy));
    let message = second.expect_err("it is poisoned").downcast::<&str>().map(|m| *m);
    assert!(message.is_ok_and(|m| m.contains("poisoned")));
}

#[test]
fn values_are_dropped_once() {
    let value = Arc::new(());
    let cell = OnceLock::from(Arc::clone(&value));
    assert!(cell.set(Arc::clone(&value)).is_err());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(cell);
    assert_eq!(Arc::strong_count(&value), 1);
}
