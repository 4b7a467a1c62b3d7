//! Freezing: nobody takes up a parked goroutine while a dump walks stacks.
//!
//! Goroutines that run go on running; what stops is the passing from one to the next. A dump can then read the stack of
//! whoever is parked. It costs the fast path nothing, because every way from one goroutine to the next looks at
//! `P::preempt` already, and goes to g0 when it is set. There every M looks whether the runtime is frozen before it runs
//! what it has found ([`check`]). The steps, F1 to F4, W1 to W3 and C1 to C2, are in `frost.rs`, with their model.
//!
//! A P is looked at until it is held by nobody, or by an M that stands still (F3). Whoever takes it then comes from g0, or is in
//! the middle of a goroutine: that one finds the request of F2, which every P has, also one that is made meanwhile (it is
//! born with one). A goroutine whose context is set after that stays where it is until the thaw. The thread that freezes holds no P and
//! allocates nothing meanwhile: a stopped goroutine may hold the allocator's lock, and does not go on.

use crate::clock;
use crate::frost::Frost;
use crate::m::M;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicBool, AtomicU32, Ordering};
use crate::sys;

/// How long a freeze waits for everybody, in nanoseconds: critical sections last microseconds, but their thread may be
/// off the CPU. After this the dump does without stacks.
const PATIENCE: u64 = 1_000_000_000;

/// The freezer of one runtime.
#[derive(Debug)]
pub(crate) struct Freezer {
    frost: Frost<AtomicU32>,
    /// One dump at a time.
    turn: AtomicBool,
}

impl Freezer {
    /// Nothing is frozen.
    pub(crate) const fn new() -> Freezer {
        Freezer {
            frost: Frost::new(AtomicU32::new(0), AtomicU32::new(0)),
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
        // Relaxed: the barriers before and after order it (F2).
        let ask = |i| self.proc(i).preempt.store(true, Ordering::Relaxed);
        let all = || (0..self.created()).for_each(ask);
        let still = self.freezer.frost.begin(sys::barrier_on_all_threads(), all);
        Frozen { sched: self, still: still && self.stands_still() }
    }

    /// F3.
    fn stands_still(&'static self) -> bool {
        let begun = clock::now();
        (0..self.created()).all(|i| {
            loop {
                // Acquire: pairs with Release in `M::set_p`.
                // SAFETY: Ms are never freed.
                let m = unsafe { self.proc(i).m.load(Ordering::Acquire).as_ref() };
                if m.is_none_or(|m| m.waits.get() || !m.is_critical()) {
                    return true;
                }
                if clock::now() - begun > PATIENCE {
                    return false;
                }
                sys::cpu_yield();
            }
        })
    }

    /// Ends the slice of `p`, which the caller has in its hands, `before` that is seen to, and takes back the request to give
    /// way; nothing of it while the runtime is frozen, as the request is the freezer's then (C1, C2).
    pub(crate) fn end_slice(&self, p: &P, before: impl FnOnce()) {
        let end = || {
            before();
            p.end_slice();
        };
        // Relaxed: whoever gets the P next is given it with more.
        self.freezer.frost.clear(end, || p.preempt.store(true, Ordering::Relaxed));
    }
}

/// Waits while the runtime is frozen. On g0, before a goroutine is run.
#[inline]
pub(crate) fn check(m: &'static M) {
    let frost = &m.sched.freezer.frost;
    if frost.holds() {
        frost.wait(&m.waits, |thaws, seen| sys::futex_wait(thaws, seen, None));
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // One call wakes one sleeper; there are at most as many as Ps.
        let all = 0..self.sched.created();
        let freezer = &self.sched.freezer;
        freezer.frost.end(|thaws| all.for_each(|_| sys::futex_wake(thaws)));
        freezer.turn.store(false, Ordering::Release); // Release: pairs with Acquire in `freeze`.
    }
}
