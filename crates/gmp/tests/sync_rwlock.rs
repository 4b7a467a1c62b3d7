//! `RwLock`: many readers or one writer (go.md 1.6, RWMutex).

mod sync_common;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use gmp::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use proptest::prelude::*;
use sync_common::{Random, with_all_parties};

/// Promise Y4.
#[test]
fn readers_share_and_writers_exclude() {
    with_all_parties(|parties| {
        let lock = Arc::new((RwLock::new(0u64), AtomicI32::new(0)));
        let mine = Arc::clone(&lock);
        let written = parties.all(8, move |i| {
            let (lock, inside) = &*mine;
            let mut random = Random(i as u64);
            let mut written = 0;
            for _ in 0..2_000 {
                if random.below(4) == 0 {
                    let mut value = lock.write();
                    assert_eq!(inside.swap(-1, Ordering::Relaxed), 0);
                    *value += 1;
                    written += 1;
                    if random.below(8) == 0 {
                        gmp::yield_now();
                    }
                    assert_eq!(inside.swap(0, Ordering::Relaxed), -1);
                } else {
                    let value = lock.read();
                    assert!(inside.fetch_add(1, Ordering::Relaxed) >= 0);
                    let before = *value;
                    if random.below(8) == 0 {
                        gmp::yield_now();
                    }
                    assert_eq!(*value, before);
                    assert!(inside.fetch_sub(1, Ordering::Relaxed) > 0);
                }
            }
            written
        });
        assert_eq!(*lock.0.read(), written.iter().sum::<u64>());
    });
}

/// Promise Y4.
#[test]
fn readers_are_in_together() {
    with_all_parties(|parties| {
        let lock = Arc::new((RwLock::new(()), AtomicI32::new(0)));
        parties.all(4, move |_| {
            let _guard = lock.0.read();
            lock.1.fetch_add(1, Ordering::Relaxed);
            // Each leaves when all are in.
            sync_common::until(|| lock.1.load(Ordering::Relaxed) == 4);
        });
    });
}

/// Promise Y7.
#[test]
fn a_holder_that_panics_releases() {
    with_all_parties(|parties| {
        let lock = Arc::new(RwLock::new(0));
        let mine = Arc::clone(&lock);
        let reader = parties.start(1, move || {
            let _guard = mine.read();
            resume_unwind(Box::new("on purpose"));
        });
        assert!(reader.join().is_err());
        let mine = Arc::clone(&lock);
        let writer = parties.start(1, move || {
            *mine.write() = 7;
            let _guard = mine.write();
            resume_unwind(Box::new("on purpose"));
        });
        assert!(writer.join().is_err());
        assert_eq!(lock.try_write().map(|v| *v), Some(7));
    });
}

enum Guard<'a> {
    Read(RwLockReadGuard<'a, u32>),
    Write(RwLockWriteGuard<'a, u32>),
}

#[derive(Debug, Clone)]
enum Op {
    Read,
    Write,
    Release(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![Just(Op::Read), Just(Op::Write), (0usize..4).prop_map(Op::Release)];
    prop::collection::vec(op, 0..60)
}

proptest! {
    /// What the `try_` calls say is what a count of readers and a flag say.
    /// Promise Y4.
    #[test]
    fn try_calls_follow_the_model(ops in ops()) {
        let lock = RwLock::new(0);
        let mut held = Vec::new();
        for op in ops {
            let readers = held.iter().filter(|g| matches!(g, Guard::Read(_))).count();
            let writers = held.len() - readers;
            match op {
                Op::Read => {
                    let guard = lock.try_read();
                    prop_assert_eq!(guard.is_some(), writers == 0);
                    held.extend(guard.map(Guard::Read));
                }
                Op::Write => {
                    let guard = lock.try_write();
                    prop_assert_eq!(guard.is_some(), held.is_empty());
                    held.extend(guard.map(Guard::Write));
                }
                Op::Release(i) if i < held.len() => match held.swap_remove(i) {
                    Guard::Read(guard) => prop_assert!(*guard < 1_000),
                    Guard::Write(mut guard) => *guard += 1,
                },
                Op::Release(_) => {}
            }
        }
    }
}
