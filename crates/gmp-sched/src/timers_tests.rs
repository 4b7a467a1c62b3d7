//! The heap against a sorted list, and cancelling against firing.

use std::collections::BTreeSet;
use std::ptr;

use proptest::prelude::*;

use super::*;
use crate::sync::plain::{AtomicUsize, Ordering};

unsafe fn count(context: *const ()) -> Option<Waiter> {
    // SAFETY: armed with a counter that outlives the test's timers.
    unsafe { &*context.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
    None
}

fn leaked() -> &'static Timers {
    Box::leak(Box::new(Timers::new()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Timers fire exactly when due, cancelled ones never, whatever the order of arming, moving and cancelling.
    #[test]
    fn agrees_with_a_sorted_list(ops in prop::collection::vec((0u8..6, 0u64..500), 1..400)) {
        let timers = leaked();
        let counters: Vec<AtomicUsize> = ops.iter().map(|_| AtomicUsize::new(0)).collect();
        let mut live: BTreeSet<(u64, usize)> = BTreeSet::new();
        let mut armed: Vec<Option<(u64, Armed)>> = Vec::new();
        let mut now = 0;
        for (op, n) in ops {
            match op {
                0 | 1 => {
                    let id = armed.len();
                    let (a, guard) = timers.arm(now + n, count, ptr::from_ref(&counters[id]).cast());
                    drop(guard);
                    armed.push(Some((now + n, a)));
                    live.insert((now + n, id));
                }
                2 if !armed.is_empty() => {
                    let id = n as usize % armed.len();
                    if let Some((when, a)) = armed[id].take() {
                        prop_assert_eq!(a.cancel(), live.remove(&(when, id)));
                    }
                }
                3 | 4 if !armed.is_empty() => {
                    let id = n as usize % armed.len();
                    let when = now + n * 31 % 500;
                    if let Some((old, a)) = armed[id] {
                        let moved = live.remove(&(old, id));
                        prop_assert_eq!(a.reset(when), moved);
                        if moved {
                            live.insert((when, id));
                            armed[id] = Some((when, a));
                        }
                    }
                    prop_assert_eq!(timers.earliest(), live.first().map_or(NEVER, |first| first.0));
                }
                _ => {
                    now += n;
                    let due: Vec<_> = live.iter().copied().take_while(|(w, _)| *w <= now).collect();
                    prop_assert_eq!(timers.run_due(now, &mut |_| ()), due.len());
                    for d in due {
                        live.remove(&d);
                        prop_assert_eq!(counters[d.1].load(Ordering::Relaxed), 1);
                    }
                }
            }
        }
        for (id, a) in armed.iter().enumerate().filter_map(|(i, a)| a.map(|(_, a)| (i, a))) {
            prop_assert_eq!(a.cancel(), counters[id].load(Ordering::Relaxed) == 0);
        }
    }
}

#[test]
fn a_cancelled_timer_or_its_firing_wins_never_both() {
    let timers = leaked();
    let fired = AtomicUsize::new(0);
    let mut cancelled = 0;
    let done = crate::sync::plain::AtomicBool::new(false);
    std::thread::scope(|s| {
        let (timers2, done2) = (&*timers, &done);
        let firing = s.spawn(move || {
            while !done2.load(Ordering::Acquire) {
                timers2.run_due(u64::MAX - 1, &mut |_| ());
            }
        });
        for _ in 0..50_000 {
            let (a, guard) = timers.arm(1, count, ptr::from_ref(&fired).cast());
            drop(guard);
            cancelled += usize::from(a.cancel());
        }
        done.store(true, Ordering::Release);
        firing.join().expect("firing thread");
    });
    assert_eq!(fired.load(Ordering::Relaxed) + cancelled, 50_000);
}

#[test]
fn cancelling_leaves_nothing_behind() {
    let timers = leaked();
    let never = AtomicUsize::new(0);
    let arm = |when| {
        let (armed, guard) = timers.arm(when, count, ptr::from_ref(&never).cast());
        drop(guard);
        armed
    };
    let all: Vec<Armed> = (0..10_000).map(|i| arm(1_000_000 + i * 7_919 % 10_000)).collect();
    assert_eq!(timers.earliest(), 1_000_000);
    // From the middle, so that the last entry goes up as well as down.
    for armed in all.iter().skip(5_000).chain(&all[..5_000]) {
        assert!(armed.cancel());
    }
    assert_eq!((timers.heap.lock().entries.len(), timers.earliest()), (0, NEVER));
}

#[test]
fn a_timer_that_is_over_moves_nobody_elses() {
    let timers = leaked();
    let fired = AtomicUsize::new(0);
    let arm = |when| {
        let (armed, guard) = timers.arm(when, count, ptr::from_ref(&fired).cast());
        drop(guard);
        armed
    };
    let first = arm(10);
    assert!(first.reset(20));
    assert_eq!(timers.run_due(19, &mut |_| ()), 0);
    assert_eq!(timers.run_due(20, &mut |_| ()), 1);
    // The same node, in its next use.
    let second = arm(30);
    assert!(ptr::eq(first.node, second.node));
    assert!(!first.reset(100) && !first.cancel());
    assert_eq!((timers.earliest(), timers.run_due(30, &mut |_| ())), (30, 1));
    assert!(!second.reset(100));
}

#[test]
fn a_timer_that_is_moved_while_it_fires_fires_once() {
    let timers = leaked();
    let fired = AtomicUsize::new(0);
    let done = crate::sync::plain::AtomicBool::new(false);
    let (mut moved, mut late) = (0, 0);
    std::thread::scope(|s| {
        let (timers2, done2) = (&*timers, &done);
        let firing = s.spawn(move || {
            while !done2.load(Ordering::Acquire) {
                timers2.run_due(10, &mut |_| ());
            }
        });
        for round in 0..50_000 {
            let before = fired.load(Ordering::Acquire);
            let (armed, guard) = timers.arm(round % 20, count, ptr::from_ref(&fired).cast());
            drop(guard);
            if armed.reset(11) {
                // Out of reach of who fires, for good.
                assert!(armed.cancel());
                assert_eq!(fired.load(Ordering::Acquire), before);
                moved += 1;
            } else {
                late += usize::from(!armed.cancel());
            }
        }
        done.store(true, Ordering::Release);
        firing.join().expect("firing thread");
    });
    assert_eq!(fired.load(Ordering::Relaxed), late);
    assert!(moved > 0);
}
