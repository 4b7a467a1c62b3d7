//! Freezing: nobody takes up a parked goroutine while a dump walks stacks.
//!
//! Goroutines that run go on running; what stops is the passing from one to the next. A dump can then read the stack of
//! whoever is parked. It costs the fast path nothing, because every way from one goroutine to the next looks at
//! `P::preempt` already, and goes to g0 when it is set:
//!
//! - **F1** `frozen` is set, then a barrier on all threads: from here on every M sees it on g0, where it waits
//!   ([`check`]) before it runs what it has found, and nobody clears a `preempt` ([`Scheduler::may_clear_preempt`]).
//! - **F2** `preempt` is set on every P, then a barrier again: whoever leaves a goroutine from here on goes to g0.
//! - **F3** every P is waited for until it is held by nobody, or by an M that waits on g0, or by one that is outside
//!   critical sections, in a goroutine: since F2 that one cannot leave it but to g0.
//!
//! A goroutine whose context is set after F3 stays where it is until the thaw. The thread that freezes holds no P and
//! allocates nothing meanwhile: a stopped goroutine may hold the allocator's lock, and does not go on.

use crate::clock;
use crate::m::M;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicBool, AtomicU32, Ordering};
use crate::sys;

/// How long a freeze waits for everybody, in nanoseconds: critical sections last microseconds, but their thread may be
/// off the CPU. After this the dump does without stacks.
const PATIENCE: u64 = 1_000_000_000;

/// The freezer of one runtime.
#[derive(Debug)]
pub(crate) struct Freezer {
    frozen: AtomicBool,
    /// Changes at every thaw; those who wait sleep on it.
    thaws: AtomicU32,
    /// One dump at a time.
    turn: AtomicBool,
}

impl Freezer {
    /// Nothing is frozen.
    pub(crate) const fn new() -> Freezer {
        Freezer {
            frozen: AtomicBool::new(false),
            thaws: AtomicU32::new(0),
            turn: AtomicBool::new(false),
        }
    }
}

/// While it lives, parked goroutines stay parked.
#[derive(Debug)]
pub(crate) struct Frozen {
    sched: &'static Scheduler,
    /// Whether everybody stands still: if not, stacks must not be looked at.
    pub(crate) still: bool,
}

impl Scheduler {
    /// Freezes the runtime. The calling thread is no M that holds a P, and must not allocate before the thaw.
    pub(crate) fn freeze(&'static self) -> Frozen {
        // Acquire: pairs with Release in `drop`.
        while self.freezer.turn.swap(true, Ordering::Acquire) {
            sys::nap();
        }
        let barrier = sys::barrier_on_all_threads();
        self.freezer.frozen.store(true, Ordering::SeqCst); // SeqCst: F1, before the barrier.
        let still = barrier() && {
            // Relaxed: the barriers before and after order it (F2).
            (0..self.created()).for_each(|i| self.proc(i).preempt.store(true, Ordering::Relaxed));
            barrier() && self.stands_still()
        };
        Frozen { sched: self, still }
    }

    /// F3.
    fn stands_still(&'static self) -> bool {
        let begun = clock::now();
        (0..self.created()).all(|i| {
            loop {
                // Acquire: pairs with Release in `M::set_p`.
                // SAFETY: Ms are never freed.
                let m = unsafe { self.proc(i).m.load(Ordering::Acquire).as_ref() };
                if m.is_none_or(|m| m.waits_frozen() || !m.is_critical()) {
                    return true;
                }
                if clock::now() - begun > PATIENCE {
                    return false;
                }
                sys::cpu_yield();
            }
        })
    }

    /// Whether an M may take back a request to give way (F1). On g0.
    pub(crate) fn may_clear_preempt(&self) -> bool {
        // Relaxed: the barrier of F1 makes it seen.
        !self.freezer.frozen.load(Ordering::Relaxed)
    }
}

/// Waits while the runtime is frozen. On g0, before a goroutine is run.
#[inline]
pub(crate) fn check(m: &'static M) {
    // Relaxed: the barrier of F1 makes it seen.
    if m.sched.freezer.frozen.load(Ordering::Relaxed) {
        wait(m);
    }
}

#[cold]
fn wait(m: &'static M) {
    let freezer = &m.sched.freezer;
    m.set_waits_frozen(true);
    loop {
        // Acquire: pairs with Release in `drop`.
        let thaws = freezer.thaws.load(Ordering::Acquire);
        // Acquire: as above; looked at after the count, so that a thaw in between ends the sleep.
        if !freezer.frozen.load(Ordering::Acquire) {
            break;
        }
        sys::futex_wait(&freezer.thaws, thaws, None);
    }
    m.set_waits_frozen(false);
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let freezer = &self.sched.freezer;
        freezer.frozen.store(false, Ordering::Release); // Release: pairs with Acquire in `wait`.
        freezer.thaws.fetch_add(1, Ordering::Release); // Release: as above.
        // One call wakes one sleeper; there are at most as many as Ps.
        (0..self.sched.created()).for_each(|_| sys::futex_wake(&raw const freezer.thaws));
        freezer.turn.store(false, Ordering::Release); // Release: pairs with Acquire in `freeze`.
    }
}
