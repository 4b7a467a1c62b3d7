//! A goroutine that computes and cannot be stopped: what lies with its processor goes on elsewhere, although nobody there ever
//! runs out of work.

mod common;
#[path = "common/yielders.rs"]
mod yielders;

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{go, on};
use gmp_sched::{WaitReason, Waiter, park, spawn_at, yield_now};
use yielders::Yielders;

/// Runs `alone` on 2 processors as a goroutine of its own, several times, beside others that yield all the time.
fn beside_others(alone: fn()) {
    on(2, move || {
        let others = Yielders::start(4);
        (0..20).for_each(|_| go(alone).join().unwrap());
        others.finish();
    });
}

#[test]
fn goroutines_that_wait_to_run_do() {
    beside_others(|| {
        const CHILDREN: usize = 100;
        let ran = Arc::new(AtomicUsize::new(0));
        (0..CHILDREN).for_each(|_| {
            let ran = ran.clone();
            drop(go(move || _ = ran.fetch_add(1, Ordering::Relaxed)));
        });
        while ran.load(Ordering::Relaxed) < CHILDREN {
            spin_loop();
        }
    });
}

/// Who was made ready last, and waits in `next` for the one who did it.
#[test]
fn who_was_made_ready_does() {
    beside_others(|| {
        let slot = Arc::new(Mutex::new(None));
        let ran = Arc::new(AtomicBool::new(false));
        let waiter = {
            let (slot, ran) = (slot.clone(), ran.clone());
            go(move || {
                let waiter = Waiter::current();
                let mut guard = slot.lock().unwrap();
                *guard = Some(waiter);
                // SAFETY: readied once, by who takes the waiter out of the slot.
                unsafe { park(waiter, WaitReason::Sleep, move || drop(guard)) };
                ran.store(true, Ordering::Relaxed);
            })
        };
        drop(waiter);
        let waiter = loop {
            let waiter = slot.lock().unwrap().take();
            match waiter {
                Some(waiter) => break waiter,
                None => yield_now(),
            }
        };
        // SAFETY: parked, and nobody else has it.
        unsafe { waiter.ready() };
        while !ran.load(Ordering::Relaxed) {
            spin_loop();
        }
    });
}

#[test]
fn timers_fire() {
    beside_others(|| {
        let fired = Arc::new(AtomicUsize::new(0));
        let timers: Vec<_> = (0..5)
            .map(|n| {
                let fired = fired.clone();
                let when = Instant::now() + Duration::from_millis(5 * n);
                spawn_at(when, move || _ = fired.fetch_add(1, Ordering::Relaxed))
            })
            .collect();
        while fired.load(Ordering::Relaxed) < timers.len() {
            spin_loop();
        }
    });
}
