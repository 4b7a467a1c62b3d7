//! Stopping a goroutine where it is: the thread stays, the processor moves.
//!
//! - **H1** the monitor finds that a goroutine has used up its slice while others wait. It sets `preempt` on
//!   the P; runtime calls of the goroutine see that and give way the cheap way.
//! - **H2** if none comes, it assigns an idle M to the hog's M as `spare`, and sends the thread its signal.
//! - **H3** the handler, on that thread, leaves at once in a critical section (it leaves a note), or if the
//!   request is stale. Else it passes the P to the spare, wakes it, and waits in the handler.
//! - **H4** the spare, awake with the P, puts the stopped goroutine, tied to its M, behind all others in the
//!   global queue, and schedules.
//! - **H5** whoever takes it out passes its P to that M and lets the thread go on, and idles itself.
//!
//! Registers, thread-locals and locks of the goroutine never leave their thread (Shiina et al., "Lightweight
//! preemptive user-level threads", PPoPP 2021). H3 uses nothing but atomics and a futex wake.

use std::ptr::{self, NonNull};

use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;
use crate::wait::WaitReason;

/// H3, on the target thread: decides whether it stops now, and hands over its P. Async-signal-safe. True means
/// that the thread must wait until [`Preempt::resume`](crate::Preempt::resume).
///
/// # Safety
///
/// `m` is what [`MHandle::into_raw`](crate::MHandle::into_raw) gave to the calling thread, which is in its
/// signal handler (or between two instructions of a goroutine).
pub unsafe fn try_hand_over(m: *const ()) -> bool {
    // SAFETY: contract; Ms are never freed.
    let m = unsafe { &*m.cast::<M>() };
    if m.defer_if_critical() {
        return false;
    }
    let Some(p) = m.p() else { return false };
    if m.sched.is_stopping() {
        // It never runs again.
        m.set_p(None);
        // Release: pairs with Acquire in `Scheduler::stop`.
        p.m.store(ptr::null_mut(), Ordering::Release);
        return true;
    }
    // Relaxed: a stale request is harmless, a missed one comes again.
    if !p.preempt.load(Ordering::Relaxed) || m.g().is_none() {
        return false;
    }
    // Acquire: pairs with Release in `assign_spare`.
    let spare = m.spare.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: Ms are never freed.
    let Some(spare) = (unsafe { spare.as_ref() }) else { return false };
    m.set_p(None);
    p.counters.preempted_by_signal.bump();
    // Release: pairs with Acquire in `adopt`.
    spare.stopped.store(ptr::from_ref(m).cast_mut(), Ordering::Release);
    // Release: as above; publishes both.
    spare.next_p.store(ptr::from_ref(p).cast_mut(), Ordering::Release);
    spare.wake_here(|| spare.parker.notify());
    true
}

/// H4.
pub(crate) fn enqueue_stopped(m: &'static M, p: &'static P, stopped: &'static M) {
    let Some(g) = stopped.g() else { return };
    // SAFETY: its thread waits, so it is alive, and this M's to enqueue.
    let header = unsafe { g.as_ref() };
    header.set_reason(WaitReason::Preempted);
    tie(header, stopped);
    if m.sched.may_clear_preempt() {
        p.end_slice();
    }
    m.sched.global.push(g);
    m.sched.published();
}

/// Says that the goroutine's registers are on `m`'s thread.
pub(crate) fn tie(header: &G, m: &'static M) {
    // Release: pairs with Acquire in `G::tied`; and the queue it goes into orders the rest.
    header.tied.store(ptr::from_ref(m).cast_mut(), Ordering::Release);
}

impl Scheduler {
    /// H5: `m` passes its P to `thread`, on which `g` goes on.
    pub(crate) fn continue_on(&'static self, m: &'static M, g: NonNull<G>, thread: &'static M) {
        // SAFETY: taken out of a queue by this M.
        let header = unsafe { g.as_ref() };
        // Release: pairs with Acquire in `G::tied`.
        header.tied.store(ptr::null_mut(), Ordering::Release);
        header.set_reason(WaitReason::None);
        let Some(p) = m.p() else {
            tie(header, thread);
            return self.inject(g);
        };
        p.counters.switches.bump();
        m.set_p(None);
        thread.set_p(Some(p));
        // AcqRel: pairs with `blocking::wait_for_p`; the P's content is published by the wake.
        if thread.waits_for_p.swap(false, Ordering::AcqRel) {
            thread.wake_here(|| thread.parker.notify());
        } else if let Some(preempt) = self.config.preempt {
            // Acquire: pairs with Release in `spawner`, which stored the token when the thread began.
            let token = thread.token.load(Ordering::Acquire);
            // This M idles next.
            thread.wake_here(|| preempt.resume(token));
        }
    }

    /// H1, H2: asks the goroutine on `p` to give way; `firmly` also by signal. By the monitor.
    pub(crate) fn preempt(&'static self, p: &'static P, firmly: bool) {
        p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request; the signal orders what matters.
        // Acquire: pairs with Release in `M::set_p`.
        // SAFETY: Ms are never freed.
        let Some(m) = (unsafe { p.m.load(Ordering::Acquire).as_ref() }) else { return };
        if firmly && self.config.preempt.is_some() && self.assign_spare(m) {
            self.signal(m);
        }
    }

    /// Makes sure that `m` has a spare. If no M idles one is made, for the next time.
    fn assign_spare(&'static self, m: &'static M) -> bool {
        // Relaxed: only the monitor assigns.
        if !m.spare.load(Ordering::Relaxed).is_null() {
            return true;
        }
        let spare = self.lists.lock().pop_m();
        match spare {
            Some(spare) => {
                // Release: pairs with Acquire in `try_hand_over`.
                m.spare.store(ptr::from_ref(spare).cast_mut(), Ordering::Release);
                true
            }
            None => {
                self.spawner.want_spare();
                false
            }
        }
    }

    /// Takes back a spare that was not needed. By the monitor.
    pub(crate) fn reclaim_spare(&'static self, m: &'static M) {
        // Relaxed: most have none.
        if m.spare.load(Ordering::Relaxed).is_null() {
            return;
        }
        // Acquire: if the handler was faster the spare is on its way.
        let spare = m.spare.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: Ms are never freed.
        if let Some(spare) = unsafe { spare.as_ref() } {
            self.lists.lock().return_m(spare);
        }
    }

    /// Sends `m`'s thread its signal.
    pub(crate) fn signal(&self, m: &M) {
        // Acquire: pairs with Release in `spawner`.
        let token = m.token.load(Ordering::Acquire);
        if let (Some(preempt), false) = (self.config.preempt, token.is_null()) {
            preempt.request(token);
        }
    }
}
