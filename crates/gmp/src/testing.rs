//! For tests: time that jumps instead of passing, and goroutines that were left behind.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gmp_sched::BubbleDeadlock;
#[doc(inline)]
pub use gmp_sched::GoroutineInfo;

/// How long [`leaked`] waits for goroutines that run to end or to wait, at most.
const PATIENCE: Duration = Duration::from_millis(200);

/// The goroutines that have not ended, without the main one and without the caller. Those that run or are about to are
/// given 200 ms to end or to wait: what a test waited for may be the last thing but one that a goroutine did. Allocates;
/// parks the goroutine, or blocks the thread, while it waits.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let (_tx, rx) = gmp::chan::bounded::<()>(0);
/// gmp::go(move || rx.recv()); // waits for ever: `_tx` is never used
/// assert_eq!(gmp::testing::leaked().len(), 1);
/// # }) };
/// ```
pub fn leaked() -> Vec<GoroutineInfo> {
    let begun = Instant::now();
    loop {
        let caller = crate::try_current().map(|g| g.id());
        let mut left = gmp_sched::goroutines();
        left.retain(|info| !info.is_main && Some(info.id) != caller);
        let moving = |info: &GoroutineInfo| matches!(info.state, "running" | "runnable");
        if begun.elapsed() > PATIENCE || !left.iter().any(moving) {
            return left;
        }
        crate::yield_now();
    }
}

/// Runs `f` in a *bubble*: it and the goroutines started by it have a clock of their own, which stands still while any
/// of them can run, and jumps to the next timer when all of them wait for one another. So a test of an hour's timeout
/// takes microseconds, and happens in the same order every time. Returns when all goroutines of the bubble have ended.
/// The rules are those of Go's `testing/synctest`. Parks the goroutine.
///
/// The clock ([`time::now`](crate::time::now), and everything in [`time`](crate::time) and with a timeout) starts at
/// the present. It moves when every goroutine of the bubble is *durably blocked*: in a channel operation or `select!`
/// on channels made in the bubble, or on `chan::never`; in [`sleep`](crate::time::sleep); in a wait for a condition
/// variable, for a [`WaitGroup`](crate::sync::WaitGroup) made in the bubble, for the end of one of its goroutines, or
/// in [`wait`]. Not durable are mutexes, the network, blocking sections, channels from outside, and a wait in a
/// destructor during a panic, which blocks the thread. Time stands still once `f` has returned.
///
/// # Panics
///
/// - With `f`'s panic.
/// - With `deadlock: all goroutines in bubble are blocked`, when they are and no timer is set.
/// - With `deadlock: main bubble goroutine has exited but blocked goroutines remain`.
/// - When called outside a goroutine or inside a bubble.
///
/// Whoever uses a channel or timer of a bubble, or counts a `WaitGroup` of one, outside it panics. That a condition variable of
/// a bubble is notified from outside is not noticed.
///
/// ```
/// use std::time::Duration;
/// # unsafe { gmp::run(|| {
/// let hour = Duration::from_secs(3600);
/// let passed = gmp::testing::bubble(move || {
///     let start = gmp::time::now();
///     gmp::time::sleep(hour);
///     gmp::time::now() - start
/// });
/// assert_eq!(passed, hour);
/// # }) };
/// ```
#[track_caller]
pub fn bubble<T>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let stuck = |number, deadlock| panic!("{}", report(number, deadlock));
    // SAFETY: `f` is `Send`. The result goes from a goroutine that has ended to the one that waits for it, as with `run`.
    match unsafe { gmp_sched::bubble(crate::local::with_locals(f), stuck) } {
        Ok(value) => value,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// What a deadlocked bubble is told to have: Go's words, and who is left.
fn report(number: u16, deadlock: BubbleDeadlock) -> String {
    let mut text = String::from(match deadlock {
        BubbleDeadlock::AllBlocked => "deadlock: all goroutines in bubble are blocked",
        BubbleDeadlock::LeftBehind => {
            "deadlock: main bubble goroutine has exited but blocked goroutines remain"
        }
    });
    for g in gmp_sched::goroutines().iter().filter(|g| g.bubble == number) {
        let (id, state, at) = (g.id, g.state, g.spawned_at);
        // Writing to a String does not fail.
        let _ = write!(text, "\n  goroutine {id} [{state}], created at {at}");
    }
    text
}

/// Waits until every other goroutine of the caller's bubble is durably blocked. Parks the goroutine.
///
/// # Panics
///
/// Outside a bubble, and when two goroutines of a bubble do it at once.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// gmp::testing::bubble(|| {
///     let ticks = Arc::new(AtomicU32::new(0));
///     let counter = Arc::clone(&ticks);
///     let ticker = gmp::go(move || {
///         for _ in 0..3 {
///             gmp::time::sleep(Duration::from_secs(1));
///             counter.fetch_add(1, Ordering::Relaxed);
///         }
///     });
///     gmp::time::sleep(Duration::from_millis(2_500));
///     gmp::testing::wait(); // whatever is due by now has been done
///     assert_eq!(ticks.load(Ordering::Relaxed), 2);
///     ticker.join().unwrap();
/// });
/// # }) };
/// ```
pub fn wait() {
    gmp_sched::wait_for_bubble();
}
