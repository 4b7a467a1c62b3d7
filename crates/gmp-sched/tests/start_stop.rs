//! Ten thousand runtimes one after the other, with goroutines left over: none of them is taken for a deadlock.

mod common;

use common::{go, on};
use gmp_sched::{WaitReason, Waiter, blocking, park, yield_now};

/// Parks for good.
fn never() {
    let waiter = Waiter::current();
    // SAFETY: this goroutine's waiter; nobody ends the wait, so it never returns.
    unsafe { park(waiter, WaitReason::ChanReceiveNil, || ()) };
}

#[test]
fn no_start_or_stop_looks_like_a_deadlock() {
    for round in 0..10_000u32 {
        on(1 + (round % 3) as usize, || match round % 5 {
            // Everybody else is parked when the main goroutine ends.
            0 => drop(go(never)),
            // The main goroutine waits for one that comes back from a section.
            1 => go(|| blocking(|| ())).join().unwrap(),
            2 => yield_now(),
            3 => (0..4).for_each(|_| go(yield_now).join().unwrap()),
            _ => {}
        });
    }
}
