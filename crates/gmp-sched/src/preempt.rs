//! Stopping a goroutine where it is: the thread stays, the processor moves.
//!
//! - **H1** the monitor finds that a goroutine has used up its slice while others wait. It sets `preempt` on
//!   the P; runtime calls of the goroutine see that and give way the cheap way.
//! - **H2** if none comes, it assigns an idle M to the hog's M as `spare`, and has the thread sent its signal (`awake.rs`).
//! - **H3** the handler, on that thread, leaves at once in a critical section (it leaves a note), or if the
//!   request is stale. Else it passes the P to the spare, wakes it, and waits in the handler.
//! - **H4** the spare, awake with the P, puts the stopped goroutine, tied to its M, among those whose thread
//!   waits for a P (`queue/tied.rs`), and schedules.
//! - **H5** whoever takes it out passes its P to that M and lets the thread go on, and idles itself.
//! - **H6** when a goroutine blocks in the kernel and its P is retaken (`retake.md`), it may wait for a lock that
//!   a stopped one holds. So that P goes to the oldest stopped one, before its turn.
//! - **H7** if no M idles the monitor takes the part of the spare, and passes the P to one that was stopped before.
//!
//! Registers, thread-locals and locks of the goroutine never leave their thread (Shiina et al., "Lightweight
//! preemptive user-level threads", PPoPP 2021). H3 uses nothing but atomics and a futex wake.

use std::ptr::{self, NonNull};

use crate::awake::Answer;
use crate::clock;
use crate::g::G;
use crate::halted::Registers;
use crate::handed::{Errand, Rests};
use crate::hogs;
use crate::hold::{Entered, Settled};
use crate::look;
use crate::m::M;
use crate::on_thread;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sleep;
use crate::stop;
use crate::sync::plain::Ordering;
use crate::sys::{self, Use};
use crate::trace::{self, TraceKind};
use crate::wait::WaitReason;

/// H3, on the target thread: decides whether it stops now, and hands over its P. Async-signal-safe. True means
/// that the thread must wait until [`Preempt::resume`](crate::Preempt::resume). `at` is where it was interrupted, or where
/// the caller is, for dumps.
///
/// # Safety
///
/// `m` is what [`MHandle::into_raw`](crate::MHandle::into_raw) gave to the calling thread, which is in its
/// signal handler (or between two instructions of a goroutine).
pub unsafe fn try_hand_over(m: *const (), at: &Registers) -> bool {
    // SAFETY: contract; Ms are never freed.
    let m: &'static M = unsafe { &*m.cast::<M>() };
    if m.defer_if_critical() {
        return false;
    }
    on_thread::pose(m, at);
    // Before the hand-over: from then on others may look.
    let rests = m.halted.begin(at);
    // A section, so that the monitor does not take the P at the same time (retake.md, E1 to E4).
    let lost = m.hold.enter() == Entered::Disturbed && m.hold.settle_in_handler() == Settled::Lost;
    let stops = if lost {
        // It computes without a P: the monitor queues it for one. If the runtime stops, so that it is let go on; if the monitor
        // looks no more, it stays here for good.
        m.sched.monitor.poke();
        true
    } else if m.sched.is_stopping() {
        abandon(m);
        true
    } else {
        hand_over(m)
    };
    m.hold.leave();
    if stops {
        m.awake.stopped();
    }
    if !stops && !lost {
        // The signal has taken the mark away (`hold.rs`).
        hogs::goes_on(m);
    }
    if rests && !stops {
        m.halted.end();
    }
    stops
}

/// The runtime stops: the goroutine never runs again.
fn abandon(m: &'static M) {
    // SAFETY: Ps are never freed while Ms live.
    let p = unsafe { m.hold.p_in_handler().as_ref() };
    m.set_p(None);
    if let Some(p) = p {
        // Release: pairs with Acquire in `stop`.
        p.m.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Passes the P to the spare, unless the request is stale.
fn hand_over(m: &'static M) -> bool {
    // SAFETY: Ps are never freed while Ms live.
    let Some(p) = (unsafe { m.hold.p_in_handler().as_ref() }) else { return false };
    // Relaxed: a stale request is harmless, a missed one comes again.
    if !p.preempt.load(Ordering::Relaxed) || m.g().is_none() {
        return false;
    }
    let Some(spare) = m.spare.take() else { return false };
    // SAFETY: Ms are never freed.
    let spare: &'static M = unsafe { spare.as_ref() };
    m.set_p(None);
    p.counters.preempted_by_signal.bump();
    if ptr::eq(spare, m) {
        m.spare.leave(ptr::from_ref(p).cast_mut());
        m.sched.monitor.poke();
        return true;
    }
    spare.handed.put(ptr::from_ref(p).cast_mut(), Errand::Stopped(NonNull::from(m)));
    spare.wake_here(Use::Short, || spare.parker.notify());
    true
}

/// H4.
pub(crate) fn enqueue_stopped(m: &'static M, p: &'static P, stopped: &'static M) {
    if let Some(g) = stopped.g() {
        // By the M that took over: the stopped one is in its signal handler.
        // SAFETY: its thread waits, so it is alive.
        trace::note_preempted(m, stopped, unsafe { g.as_ref() }.id(), p);
    }
    m.sched.end_slice(p, || ());
    m.sched.queue_stopped(stopped);
}

/// Says that the goroutine's registers are on `m`'s thread.
pub(crate) fn tie(header: &G, m: &'static M) {
    // Release: pairs with Acquire in `G::tied`; and the queue it goes into orders the rest.
    header.tied.store(ptr::from_ref(m).cast_mut(), Ordering::Release);
}

impl Scheduler {
    /// Queues the goroutine of `stopped`, whose thread waits in its handler.
    pub(crate) fn queue_stopped(&'static self, stopped: &'static M) {
        let Some(g) = stopped.g() else { return };
        // SAFETY: its thread waits, so it is alive, and the caller's to enqueue.
        let header = unsafe { g.as_ref() };
        header.set_reason(WaitReason::Preempted);
        self.queue_tied(g, header, stopped);
    }

    /// Queues `g`, whose thread waits for a P, behind what is in the global queue now.
    pub(crate) fn queue_tied(&'static self, g: NonNull<G>, header: &G, thread: &'static M) {
        tie(header, thread);
        self.tied.push(g, &self.global);
        self.published();
    }

    /// Takes a tied goroutine out whose turn has come.
    pub(crate) fn next_tied(&'static self) -> Option<NonNull<G>> {
        self.tied.next(&self.global)
    }

    /// How many wait in the queues that belong to no P.
    pub(crate) fn waiting(&self) -> usize {
        self.global.len() + self.tied.len()
    }

    /// H5: `m` passes its P to `thread`, on which `g` goes on.
    pub(crate) fn continue_on(&'static self, m: &'static M, g: NonNull<G>, thread: &'static M) {
        let Some(p) = m.p() else {
            // SAFETY: taken out of a queue by this M.
            return self.queue_tied(g, unsafe { g.as_ref() }, thread);
        };
        p.counters.switches.bump();
        m.set_p(None);
        // This M idles next.
        self.pass_to(p, g, thread, true);
    }

    /// Gives `p`, which the caller owns and no M holds, to `thread`, on which `g` goes on; on the caller's CPU if it
    /// is about to sleep.
    pub(crate) fn pass_to(
        &'static self,
        p: &'static P,
        g: NonNull<G>,
        thread: &'static M,
        here: bool,
    ) {
        // SAFETY: taken out of a queue by the caller.
        let header = unsafe { g.as_ref() };
        header.set_reason(WaitReason::None);
        let locked = header.is_locked();
        if !locked {
            // Release: pairs with Acquire in `G::tied`.
            header.tied.store(ptr::null_mut(), Ordering::Release);
        }
        // The CPUs of a thread that a goroutine is locked to are the goroutine's business.
        let wake = |wake: &dyn Fn()| {
            if here && !locked { thread.wake_here(Use::Long, wake) } else { wake() }
        };
        if header.context.peek().is_some() {
            // Its thread idles for it, or is about to (X1 of `handed.rs`).
            // Release (X4): nobody holds it until that thread does, which may have ended.
            p.m.store(ptr::null_mut(), Ordering::Release);
            sleep::hand(thread, p, Errand::Goroutine(g));
            return wake(&|| thread.parker.notify());
        }
        thread.set_p(Some(p));
        // A2
        match thread.ask.close() {
            Rests::InParker => wake(&|| thread.parker.notify()),
            Rests::InHandler => {
                trace::note_resumed(thread, header.id(), p);
                wake(&|| self.resume(thread));
            }
        }
    }

    /// A P whose last owner is gone: to somebody who runs what it has, or among the idle ones.
    pub(crate) fn pass_on(&'static self, p: &'static P, wanted: bool) {
        // Release: nobody holds it until the M that is woken does.
        p.m.store(ptr::null_mut(), Ordering::Release);
        let mut lists = self.lists.lock();
        if wanted {
            return self.give(&mut lists, p, false);
        }
        lists.retire_p(self, p); // I1 of idle.md, unless it is out of service
        drop(lists);
        self.idle.announced(); // I3
        if self.work_anywhere() {
            self.published(); // I4: somebody looks
        }
    }

    /// H2: asks `m` to stop, if it has a spare (`ask`). By the monitor.
    pub(crate) fn stop(&'static self, m: &'static M, hog: bool) -> Answer {
        let answer = if self.assign_spare(m) { self.ask(m, hog) } else { Answer::Never };
        if !matches!(answer, Answer::Now | Answer::Later) {
            self.reclaim_spare(m);
        }
        answer
    }

    /// Makes sure that `m` has a spare. If no M idles one is made, for the next time.
    fn assign_spare(&'static self, m: &'static M) -> bool {
        // Relaxed: only the monitor assigns.
        if m.spare.is_assigned() {
            return true;
        }
        let mut lists = self.lists.lock();
        let spare = lists.pop_m();
        let more = !lists.has_m();
        drop(lists);
        if more {
            // The next one shall not have to wait for it.
            self.spawner.want_spare();
        }
        let Some(spare) = spare else { return self.assign_monitor(m) };
        m.spare.assign(ptr::from_ref(spare).cast_mut());
        true
    }

    /// Whether an M could take over from `m` at once: its spare, or one that idles. By the monitor.
    pub(crate) fn has_stand_by(&self, m: &M) -> bool {
        // Relaxed: the monitor's own.
        let leaves = ptr::eq(self.monitor.leaving.load(Ordering::Relaxed), m);
        m.spare.is_assigned() && !leaves || self.lists.lock().has_m()
    }

    /// H7: no M idles, and making one may take the very lock that a stopped goroutine has. Then, if there is one, `m`
    /// shall leave its P to the monitor, who gives it to that one. For one M at a time; the mark is that `m` is its own
    /// spare.
    fn assign_monitor(&'static self, m: &'static M) -> bool {
        // Relaxed, both: the monitor's own.
        if self.tied.len() == 0 || !self.monitor.leaving.load(Ordering::Relaxed).is_null() {
            return false;
        }
        let own = ptr::from_ref(m).cast_mut();
        self.monitor.leaving.store(own, Ordering::Relaxed);
        m.spare.assign(own);
        true
    }

    /// H7, its end: takes over the P that was left, if one was. By the monitor.
    pub(crate) fn serve_leaving(&'static self) {
        // Relaxed, all: as above.
        let leaving = &self.monitor.leaving;
        // SAFETY: Ms are never freed.
        let Some(m) = (unsafe { leaving.load(Ordering::Relaxed).as_ref() }) else { return };
        // Nothing yet does not mean never (S3 of `spare.rs`): `reclaim_spare` says that.
        let Some(p) = m.spare.left() else { return };
        // SAFETY: Ps are never freed while Ms live.
        let p: &'static P = unsafe { p.as_ref() };
        leaving.store(ptr::null_mut(), Ordering::Relaxed);
        if let Some(g) = m.g() {
            // SAFETY: its thread waits, so it is alive.
            let id = unsafe { g.as_ref() }.id();
            trace::note_by_monitor(m, TraceKind::Stop(WaitReason::Preempted), id, p);
        }
        self.end_slice(p, || ());
        look::lend(self, p, false);
        self.queue_stopped(m);
    }

    /// H2 and H7 at the end of the runtime: spares that were assigned end like others, and nobody is left in the middle of
    /// leaving its P, unless the kernel does not let it run. By the monitor.
    pub(crate) fn end_spares(&'static self) {
        on_thread::for_each(self, &mut |m| self.reclaim_spare(m));
        // Relaxed: as above.
        let leaving = || self.monitor.leaving.load(Ordering::Relaxed);
        let end = clock::now() + stop::POLITE.as_nanos() as u64;
        while !leaving().is_null() && clock::now() < end {
            self.serve_leaving();
            sys::cpu_yield();
        }
    }

    /// Takes back a spare that was not needed. By the monitor.
    pub(crate) fn reclaim_spare(&'static self, m: &'static M) {
        if !m.spare.is_assigned() {
            return;
        }
        // If the handler was faster the spare is on its way.
        let Some(spare) = m.spare.take() else { return };
        // SAFETY: Ms are never freed.
        let spare: &'static M = unsafe { spare.as_ref() };
        if ptr::eq(spare, m) {
            // Relaxed: the monitor's own.
            self.monitor.leaving.store(ptr::null_mut(), Ordering::Relaxed);
        } else {
            self.lists.lock().push_m(spare);
            if self.is_stopping() {
                // It may have missed the general waking. Not before it is nobody's: a handler would hand its P to a thread that ends.
                spare.parker.notify();
            }
        }
    }

    /// Sends `m`'s thread its signal; false when that is not possible.
    pub(crate) fn signal(&self, m: &M) -> bool {
        self.preempter(m).is_some_and(|(preempt, token)| preempt.request(token))
    }

    /// The same where none of its system calls sees it, some milliseconds later.
    pub(crate) fn signal_later(&self, m: &M) -> bool {
        self.preempter(m).is_some_and(|(preempt, token)| preempt.request_later(token))
    }

    /// Lets `thread` go on, which waits in its handler.
    pub(crate) fn resume(&self, thread: &M) {
        hogs::goes_on(thread);
        thread.halted.end();
        if let Some((preempt, token)) = self.preempter(thread) {
            preempt.resume(token);
        }
    }

    /// The CPU time that `m`'s thread has used, in nanoseconds.
    pub(crate) fn cpu_time(&self, m: &M) -> Option<u64> {
        self.preempter(m).and_then(|(preempt, token)| preempt.cpu_time(token))
    }

    /// Whether `m`'s thread is not on a CPU, by its CPU clock, which showed `cpu` a moment ago.
    pub(crate) fn is_off_cpu(&self, m: &M, cpu: Option<u64>) -> bool {
        cpu.is_some() && self.cpu_time(m) == cpu
    }

    /// Whether `m`'s thread can be sent a signal.
    pub(crate) fn can_signal(&self, m: &M) -> bool {
        self.preempter(m).is_some()
    }

    /// Whether the kernel has `m`'s thread asleep.
    pub(crate) fn is_asleep(&self, m: &M) -> bool {
        self.preempter(m).is_some_and(|(preempt, token)| preempt.is_asleep(token))
    }

    /// Whether `m`'s thread is asleep, and how often it has gone to sleep.
    pub(crate) fn rest(&self, m: &M) -> (bool, Option<u64>) {
        self.preempter(m).map_or((false, None), |(preempt, token)| preempt.rest(token))
    }

    /// Whether the call in which `m`'s thread sleeps goes on after a signal.
    pub(crate) fn restarts(&self, m: &M) -> Option<bool> {
        self.preempter(m).and_then(|(preempt, token)| preempt.restarts(token))
    }

    fn preempter(&self, m: &M) -> Option<(&'static dyn crate::Preempt, *mut ())> {
        // Acquire: pairs with Release in `spawner`.
        let token = m.token.load(Ordering::Acquire);
        self.config.preempt.filter(|_| !token.is_null()).map(|preempt| (preempt, token))
    }
}
