//! Other Unix systems: sleeping by a table of condition variables keyed by address.
//!
//! Correct and slow: there is no portable public futex. The table is static and never grows, so that
//! nothing allocates in a critical section; unrelated words that share a bucket wake each other, which
//! callers must bear anyway.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::sync::plain::{AtomicU32, Ordering};

struct Bucket {
    lock: Mutex<()>,
    woken: Condvar,
}

static BUCKETS: [Bucket; 64] =
    [const { Bucket { lock: Mutex::new(()), woken: Condvar::new() } }; 64];

fn bucket(word: *const AtomicU32) -> &'static Bucket {
    &BUCKETS[(word.addr() >> 4) % BUCKETS.len()]
}

/// Sleeps while `*word == expected`, at most `timeout`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let b = bucket(word);
    let guard = b.lock.lock().unwrap_or_else(|e| e.into_inner());
    // Acquire: pairs with the waker's write before it took the bucket's lock.
    if word.load(Ordering::Acquire) == expected {
        match timeout {
            None => drop(b.woken.wait(guard)),
            Some(t) => drop(b.woken.wait_timeout(guard, t)),
        }
    }
}

/// Wakes whoever sleeps on `word` (and its bucket).
pub(crate) fn futex_wake(word: *const AtomicU32) {
    let b = bucket(word);
    drop(b.lock.lock().unwrap_or_else(|e| e.into_inner()));
    b.woken.notify_all();
}

/// Lets the kernel run another thread on this CPU.
pub(crate) fn cpu_yield() {
    // SAFETY: no arguments, no failure.
    unsafe {
        libc::sched_yield();
    }
}

/// Sleeps for the shortest while that lets a descheduled lock holder run: 50 µs.
pub(crate) fn nap() {
    std::thread::sleep(Duration::from_micros(50));
}

/// As on Linux; not known here, so that dumps do without stacks.
pub(crate) fn barrier_on_all_threads() -> impl Fn() -> bool {
    || false
}

/// Where the kernel runs threads, and how soon: its own affair here.
#[derive(Clone, Copy)]
pub(crate) struct Placing;

/// How a thread that is woken will use the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For microseconds.
    Short,
    /// For as long as it is let.
    Long,
}

impl Placing {
    /// Not known.
    pub(crate) fn current() -> Option<Placing> {
        None
    }

    /// Runs `wake`.
    pub(crate) fn wake_here(&self, _tid: i32, _next: Use, wake: impl FnOnce()) {
        wake();
    }

    /// Not possible here.
    pub(crate) fn move_away(&self, _tid: i32) {}

    /// Not needed here.
    pub(crate) fn end_long_use(&self) {}

    /// Not asked for here.
    pub(crate) fn be_prompt(&self) {}
}

/// Not known here.
pub(crate) fn current_cpu() -> Option<usize> {
    None
}

/// Not needed here.
pub(crate) fn thread_id() -> i32 {
    0
}

/// Timers of these systems have no slack to take away.
pub(crate) fn precise_timers() {}

/// How many threads the process has: not known here, so nobody concludes anything from it.
pub(crate) fn thread_count() -> Option<usize> {
    None
}

/// Not known here.
pub(crate) fn usable_cpus() -> Option<usize> {
    None
}

/// Not possible here: nothing is copied.
///
/// # Safety
///
/// None needed; the others' signature.
pub(crate) unsafe fn peek(_address: usize, _to: *mut u8, _bytes: usize) -> bool {
    false
}

/// Where a thread sleeps in the kernel: not told here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asleep {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
}

/// Not told here.
pub(crate) fn asleep(_tid: i32) -> Option<Asleep> {
    None
}
