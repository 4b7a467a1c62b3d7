//! Blocking sections: a goroutine blocks its thread, and its P goes on without it.
//!
//! Entering marks the P as takeable and costs one store; if the section is short, leaving takes the mark
//! back by one compare-and-swap and nothing has happened. If it lasts, the monitor takes the P and gives it
//! to another M; leaving then finds the mark gone and looks for a P.
//!
//! - **B1** enter: `lease` := next count with bit B (Release). The M holds no P now.
//! - **B2** the monitor, having seen the same lease twice: CAS to the next count without B. It owns the P.
//! - **B3** leave: CAS from the very value of B1 to the same count without B. Success: the P was never gone.

use crate::critical::critical;
use crate::m::M;
use crate::p::P;
use crate::park;
use crate::sync::plain::Ordering;
use crate::trace::{self, TraceKind};
use crate::wait::WaitReason;

const TAKEABLE: u64 = 1;

/// Runs `f`, which may block the thread, on the calling thread; other goroutines go on. Short sections cost
/// two atomic operations. `f` runs once, may borrow, and must not count on goroutine services: what would
/// park in it blocks the thread. Outside goroutines it just runs `f`.
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    let _section = enter();
    f()
}

/// An open blocking section; dropping it, also by a panic, leaves it.
struct Section {
    m: &'static M,
    p: &'static P,
    lease: u64,
}

/// B1; none outside goroutines and in sections that are open already.
fn enter() -> Option<Section> {
    let section = critical();
    let m = section.m()?;
    let g = m.g()?;
    let p = m.p()?;
    // SAFETY: the caller's own header.
    unsafe { g.as_ref() }.waits(WaitReason::Blocking);
    // SAFETY: as above.
    trace::note(m, TraceKind::Stop(WaitReason::Blocking), unsafe { g.as_ref() }.id());
    // Relaxed: only the holder of the P writes while B is not set, and that is this M.
    let lease = (p.lease.load(Ordering::Relaxed) | TAKEABLE).wrapping_add(TAKEABLE) | TAKEABLE;
    m.set_p(None);
    // Release: pairs with Acquire in `retake` (B2): the monitor passes on the P as this M left it.
    p.lease.store(lease, Ordering::Release);
    Some(Section { m, p, lease })
}

impl Drop for Section {
    fn drop(&mut self) {
        let section = critical();
        // AcqRel: B3; pairs with B2 in both directions.
        let kept = self
            .p
            .lease
            .compare_exchange(
                self.lease,
                self.lease & !TAKEABLE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok();
        if kept {
            self.m.set_p(Some(self.p));
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
    let leave = || sched.blocked.fetch_sub(1, Ordering::AcqRel);
    // SAFETY: the caller's own header.
    let header = unsafe { g.as_ref() };
    let bound = header.forbid_park.get() != 0 || header.locks.get() != 0;
    if bound || std::thread::panicking() || sched.is_stopping() {
        // It must go on on this thread: it has said so, or std counts its panics there.
        return wait_for_p(m, leave);
    }
    if sched.take_idle_p(m) {
        leave();
        return;
    }
    // SAFETY: the caller is `g`; the queue readies it once.
    unsafe {
        park::park_goroutine(g, WaitReason::Yield, || {
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
    // Release: pairs with AcqRel in `pass_to`.
    m.waits_for_p.store(true, Ordering::Release);
    m.sched.queue_tied(g, header, m);
    leave();
    drop(section);
    // Acquire: pairs with AcqRel in `pass_to`, which sets the P first.
    while m.waits_for_p.load(Ordering::Acquire) {
        m.parker.park();
    }
}

/// B2: takes `p` from its blocked holder if its lease is still `seen`. By the monitor; true means that the
/// caller owns it now.
pub(crate) fn retake(p: &P, seen: u64) -> bool {
    let next = (seen | TAKEABLE).wrapping_add(TAKEABLE);
    // AcqRel: pairs with B1 and B3.
    seen & TAKEABLE != 0
        && p.lease.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Whether a lease lets the P be taken.
pub(crate) fn is_takeable(lease: u64) -> bool {
    lease & TAKEABLE != 0
}
