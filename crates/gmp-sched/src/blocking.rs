//! Blocking sections: a goroutine blocks its thread, and its P goes on without it.
//!
//! Entering marks the P as takeable and costs one store; if the section is short, leaving takes the mark
//! back by one compare-and-swap and nothing has happened. If it lasts, the monitor takes the P and gives it
//! to another M; leaving then finds the mark gone and looks for a P.
//!
//! The steps, on the word of `lease.rs`:
//! - **B1** enter: the next count, with bit B. The M holds no P now.
//! - **B2** the monitor, having seen the same word twice: CAS to the same count without B. It owns the P.
//! - **B3** leave: CAS from the very word of B1 to the same count without B. Success: the P was never gone.

use crate::critical::critical;
use crate::halted::Registers;
use crate::lease::Seen;
use crate::m::M;
use crate::p::P;
use crate::park;
use crate::sync::plain::Ordering;
use crate::trace::{self, TraceKind};
use crate::wait::WaitReason;

/// Runs `f`, which may block the thread, on the calling thread; other goroutines go on. Short sections cost
/// two atomic operations. `f` runs once, may borrow, and must not count on goroutine services: what would
/// park in it blocks the thread. Outside goroutines it just runs `f`.
///
/// ```
/// # use gmp_sched as gmp;
/// # unsafe { gmp::run(gmp::Config::default(), || {
/// let mut line = String::new();
/// gmp::blocking(|| line.push_str("from a C library that waits")); // may borrow, same thread
/// assert!(line.contains("waits"));
/// # }) };
/// ```
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    // Here, in a frame that stays: what a dump shows of the goroutine meanwhile.
    let _section = enter(&Registers::here());
    f()
}

/// An open blocking section; dropping it, also by a panic, leaves it.
struct Section {
    m: &'static M,
    p: &'static P,
    lease: Seen,
}

/// B1, from where `at` says; none outside goroutines and in sections that are open already.
fn enter(at: &Registers) -> Option<Section> {
    let section = critical();
    let m = section.m()?;
    let g = m.g()?;
    let p = m.p()?;
    // SAFETY: the caller's own header.
    unsafe { g.as_ref() }.waits(WaitReason::Blocking);
    // SAFETY: as above.
    trace::note(m, TraceKind::Stop(WaitReason::Blocking), unsafe { g.as_ref() }.id());
    m.set_p(None);
    let lease = p.lease.enter();
    // In the section, so that no handler writes registers at the same time.
    m.halted.begin(at);
    Some(Section { m, p, lease })
}

impl Drop for Section {
    fn drop(&mut self) {
        self.m.halted.end();
        let section = critical();
        let kept = self.p.lease.leave(self.lease);
        if kept {
            self.m.resume_p(self.p);
        }
        drop(section);
        if !kept {
            reacquire(self.m);
        }
        let section = critical();
        if let Some(g) = section.m().and_then(M::g) {
            // SAFETY: the caller's own header.
            let header = unsafe { g.as_ref() };
            header.set_reason(WaitReason::None);
            if let Some(m) = section.m() {
                trace::note(m, TraceKind::Start, header.id());
            }
        }
    }
}

/// The P is gone: takes an idle one, or queues up for one.
#[cold]
fn reacquire(m: &'static M) {
    let sched = m.sched;
    let Some(g) = m.g() else { return };
    // AcqRel: pairs with Acquire in `check_deadlock`; what made the goroutine runnable comes first.
    let leave = move || sched.blocked.fetch_sub(1, Ordering::AcqRel);
    // SAFETY: the caller's own header.
    let header = unsafe { g.as_ref() };
    let bound = header.forbid_park.get() != 0 || header.is_locked();
    if bound || std::thread::panicking() || sched.is_stopping() {
        // It must go on on this thread: it has said so, or std counts its panics there.
        return wait_for_p(m, leave);
    }
    if sched.take_idle_p(m) {
        leave();
        return;
    }
    // SAFETY: the caller is `g`; the queue readies it once. By value: once it is in the queue its stack is not its own.
    unsafe {
        park::park_goroutine(g, WaitReason::Yield, move || {
            sched.inject(g);
            leave();
        });
    }
}

/// Waits, on this thread, until somebody who takes the goroutine out of the queue passes on a P. `leave` runs when
/// others can see that it waits.
pub(crate) fn wait_for_p(m: &'static M, leave: impl FnOnce() -> usize) {
    let Some(g) = m.g() else { return };
    let section = critical();
    // SAFETY: the caller's own header.
    let header = unsafe { g.as_ref() };
    m.ask.open(); // A1 of `handed.rs`
    m.sched.queue_tied(g, header, m);
    leave();
    // In the section, as in `enter`. Nothing above this frame is written until the wait is over.
    let rests = m.halted.begin(&Registers::here());
    drop(section);
    while m.ask.is_open() {
        m.parker.park(); // until A3
    }
    if rests {
        m.halted.end();
    }
}
