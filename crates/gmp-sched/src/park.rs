//! Park and ready: a goroutine gives way until somebody makes it runnable again.
//!
//! The race to fear: a goroutine enqueues itself as a waiter, and is resumed on another thread while its
//! registers are still being saved here. So what makes it visible, the *commit*, runs on the successor's
//! stack, after the switch:
//!
//! - **K1** the goroutine prepares its wait (a node in a queue whose lock it holds, an armed timer).
//! - **K2** it picks a successor and switches to it. Its stack pointer is now saved nowhere but in a register.
//! - **K3** on the successor's stack the commit stores the context into the G, then makes it visible
//!   (unlocks the queue). From here on anybody may ready it, and nothing here touches it again.
//! - **K4** `ready` puts it into a queue; whoever takes it out switches to the stored context.
//!
//! No status word is needed: who may touch the G passes from hand to hand through the lock of K3 and the
//! queue of K4. The critical section opened at K1 belongs to the M: the successor closes it.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::time::Instant;

use gmp_context::Context;

use crate::blocking;
use crate::bubble;
use crate::claim::Claim;
use crate::clock;
use crate::critical::{Critical, critical};
use crate::g::G;
use crate::lock::LockGuard;
use crate::m::M;
use crate::p::P;
use crate::run;
use crate::sync::plain::Ordering;
use crate::timers::Fire;
use crate::trace::{self, TraceKind};
use crate::wait::{Kind, WaitReason, Waiter};

/// Parks `waiter`, which is the caller, until [`Waiter::ready`] is called for it; a plain thread blocks.
///
/// `commit` makes the wait known to others. It runs once the caller is wholly saved, in a critical section,
/// on another stack: it must not allocate, panic or touch the caller's stack after others can see the
/// waiter. `park(w, reason, || drop(guard))` is the pattern: enqueue under a lock, unlock in the commit.
/// Aborts with a message while [`forbid_park`](crate::forbid_park) is in force.
///
/// # Safety
///
/// `waiter` is what [`Waiter::current`] returned to this caller just before; `ready` is called exactly once
/// for this park, not before the commit has begun. What `commit` borrows from the caller's stack is used
/// before the waiter becomes visible only.
#[inline]
pub unsafe fn park<C: FnOnce()>(waiter: Waiter, reason: WaitReason, commit: C) {
    match waiter.kind() {
        // SAFETY: the caller is this goroutine (contract).
        Kind::Goroutine(g) => unsafe { park_goroutine(g, reason, commit) },
        Kind::Thread(parker) => block_thread(|| {
            commit();
            // SAFETY: the calling thread's own parker (contract).
            unsafe { &*parker }.park();
        }),
    }
}

/// As [`park`], out of a section that the caller has opened: it is closed with the wait's beginning, by the successor.
///
/// # Safety
///
/// As for [`park`]; `waiter` is what [`Waiter::in_section`] returned with `section`, or what [`Waiter::current`] returned just
/// before `section` was opened. No other section is open: whoever closed it after the wait might be on another thread.
#[inline(always)]
pub unsafe fn park_in<C: FnOnce()>(
    section: Critical,
    waiter: Waiter,
    reason: WaitReason,
    commit: C,
) {
    match waiter.kind() {
        // SAFETY: the caller is this goroutine (contract), in a section.
        Kind::Goroutine(g) => unsafe { leave_for_another(hand_over(section), g, reason, commit) },
        Kind::Thread(parker) => block_thread(|| {
            commit();
            drop(section);
            // SAFETY: the calling thread's own parker (contract).
            unsafe { &*parker }.park();
        }),
    }
}

impl<T: ?Sized> LockGuard<'_, T> {
    /// Parks `waiter`, which is the caller, and gives the lock back when that is wholly saved: what [`park`]`(waiter, reason,
    /// || drop(guard))` does, in one section.
    ///
    /// # Safety
    ///
    /// As for [`park_in`], whose section is the guard's.
    #[inline(always)]
    pub unsafe fn park(self, waiter: Waiter, reason: WaitReason) {
        let (lock, section) = self.into_parts();
        // SAFETY: taken with the guard, in this section.
        let commit = move || unsafe { lock.unlock_in_section() };
        // SAFETY: passed on; the lock's section, which was opened after the caller asked who it is, or with that.
        unsafe { park_in(section, waiter, reason, commit) };
    }
}

/// As [`park`], but at `deadline`, never before it, the runtime itself claims the wait with
/// [`Claim::TIMED_OUT`] and readies the waiter. Look at `claim.winner()` afterwards. When it returns,
/// nothing of the runtime refers to `claim` or `waiter` any more.
///
/// # Safety
///
/// As for [`park`]; whoever else wants to end the wait must win `claim` first, and then owes the `ready`.
pub unsafe fn park_until<C: FnOnce()>(
    waiter: Waiter,
    reason: WaitReason,
    deadline: Instant,
    claim: &Claim,
    commit: C,
) {
    let at = clock::from_instant(deadline);
    match waiter.kind() {
        Kind::Goroutine(g) => {
            let timeout = Timeout { claim, waiter };
            let fire: Fire = claim_timeout;
            // SAFETY: the caller is this goroutine; `timeout` stays on this stack until the timer is over.
            unsafe { park_with_timer(g, reason, at, fire, ptr::from_ref(&timeout).cast(), commit) };
        }
        Kind::Thread(parker) => block_thread(|| {
            commit();
            // SAFETY: the calling thread's own parker (contract).
            let parker = unsafe { &*parker };
            if !parker.park_timeout(clock::until(at)) && !claim.claim(Claim::TIMED_OUT) {
                // Somebody else has won and owes this thread its wake.
                parker.park();
            }
        }),
    }
}

/// What the timer of a timed wait needs, on the waiter's stack.
struct Timeout<'a> {
    claim: &'a Claim,
    waiter: Waiter,
}

/// Fires a timed wait: the waiter is readied if nobody else has won it.
unsafe fn claim_timeout(context: *const ()) -> Option<Waiter> {
    // SAFETY: the timer's context is alive until the timer is over (`Timers::arm`).
    let timeout = unsafe { &*context.cast::<Timeout<'_>>() };
    timeout.claim.claim(Claim::TIMED_OUT).then_some(timeout.waiter)
}

/// Parks goroutine `g` with a timer that fires at `at`.
///
/// # Safety
///
/// `g` is the caller; `context` stays valid until this returns; see [`park`] for the rest.
unsafe fn park_with_timer<C: FnOnce()>(
    g: NonNull<G>,
    reason: WaitReason,
    at: u64,
    fire: Fire,
    context: *const (),
    commit: C,
) {
    let m = hand_over(critical());
    let p = m.p().unwrap_or_else(|| m.sched.proc(0));
    // The heap stays locked until after the commit: the timer cannot fire before the goroutine is saved (K3).
    // SAFETY: the caller's own header.
    let timers = match unsafe { g.as_ref() }.bubble() {
        0 => None,
        // What comes from outside has deadlines of the world outside.
        _ if reason == WaitReason::IoWait => None,
        number => bubble::timers_of(number),
    };
    let (armed, heap) = timers.unwrap_or(&p.timers).arm(at, fire, context);
    // SAFETY: the caller is `g` (contract), and a section is open.
    unsafe {
        leave_for_another(m, g, reason, || {
            commit();
            drop(heap);
        });
    }
    armed.cancel();
}

/// Leaves this section of a goroutine to the successor, which closes it (K2).
#[inline]
fn hand_over(section: Critical) -> &'static M {
    let Some(m) = section.m() else {
        crate::fatal::abort("a goroutine parks outside the runtime's threads")
    };
    std::mem::forget(section);
    m
}

/// What the leaving side's commit needs, on its stack until copied.
struct Leave<C> {
    g: NonNull<G>,
    commit: ManuallyDrop<C>,
}

/// K3, on the successor's stack.
unsafe extern "C" fn commit_on_successor<C: FnOnce()>(leaving: Context, arg: *mut ()) {
    let leave = arg.cast::<Leave<C>>();
    // SAFETY: `arg` is the `Leave` of the goroutine that just left; it is not visible to others yet.
    let g = unsafe { (*leave).g };
    // SAFETY: as above; read out before the goroutine can run again, and not dropped there.
    let commit = unsafe { &raw const (*leave).commit };
    // SAFETY: as above.
    let commit = ManuallyDrop::into_inner(unsafe { ptr::read(commit) });
    // SAFETY: the G is alive: it is parked here, by its own code.
    let header = unsafe { g.as_ref() };
    header.context.set(Some(leaving));
    let number = header.bubble();
    if number != 0 && header.reason().is_durable() {
        return bubble::block(number, commit);
    }
    commit();
}

/// Parks goroutine `g`, the caller.
///
/// # Safety
///
/// See [`park`].
#[inline]
pub(crate) unsafe fn park_goroutine<C: FnOnce()>(g: NonNull<G>, reason: WaitReason, commit: C) {
    // SAFETY: passed on; the section is open.
    unsafe { leave_for_another(hand_over(critical()), g, reason, commit) }
}

/// K2 to K4: switches to a successor, and returns when `g` runs again, maybe on another M.
///
/// # Safety
///
/// See [`park`]; the caller has opened a critical section on `m`, which is closed here.
#[inline(always)]
unsafe fn leave_for_another<C: FnOnce()>(
    m: &'static M,
    g: NonNull<G>,
    reason: WaitReason,
    commit: C,
) {
    // SAFETY: the caller's own header.
    let header = unsafe { g.as_ref() };
    if header.forbid_park.get() != 0 {
        crate::fatal::abort(
            "parked while `forbid_park` was in force: something waits while a thread-local is borrowed",
        );
    }
    header.waits(reason);
    if let Some(p) = m.p() {
        p.counters.parks.bump();
    }
    let mut leave = Leave { g, commit: ManuallyDrop::new(commit) };
    // SAFETY: `leave` stays on this stack until the commit has copied it; the section is open.
    let m = unsafe {
        run::switch_away(m, header, reason, commit_on_successor::<C>, (&raw mut leave).cast())
    };
    header.resumed(m);
    m.leave_critical();
}

/// Makes `g` runnable.
///
/// # Safety
///
/// See [`Waiter::ready`].
pub(crate) unsafe fn ready(g: NonNull<G>) {
    // SAFETY: passed on.
    unsafe { ready_in(&critical(), g) };
}

/// As [`ready`], for who is in a section already.
///
/// # Safety
///
/// See [`Waiter::ready`].
#[inline(never)]
pub(crate) unsafe fn ready_in(section: &Critical, g: NonNull<G>) {
    // SAFETY: parked, so alive.
    let header = unsafe { g.as_ref() };
    header.readied();
    if let Some(m) = section.m() {
        trace::note(m, TraceKind::Ready, header.id());
        if let Some(p) = m.p().filter(|_| ptr::eq(m.sched, header.sched)) {
            return ready_here(m, p, g);
        }
    }
    header.sched.inject(g);
}

/// One in so many goroutines made ready is timed: reading the clock twice costs as much as readying.
const TIMED: u32 = 64;

/// Makes `g` runnable on `p`, that of the calling M.
#[inline]
fn ready_here(m: &'static M, p: &'static P, g: NonNull<G>) {
    if p.dispatches.get() % TIMED == 0 {
        // SAFETY: not runnable yet, so alive.
        unsafe { g.as_ref() }.stamp();
    }
    if m.g().is_none() {
        // From g0: what a poll or a timer made ready goes behind what waits already.
        return queue_here(m, p, g);
    }
    // From a goroutine: it runs next, in this slice. Nobody is woken for it alone: a ping-pong pair would
    // wake the whole machine. If the caller computes on instead of parking, the monitor notices.
    if let Some(displaced) = p.put_next(g) {
        queue_here(m, p, displaced);
    }
}

/// Puts `g` behind the others of `p`, and says so.
#[inline(never)]
fn queue_here(m: &'static M, p: &'static P, g: NonNull<G>) {
    m.sched.push_local(p, g);
    m.sched.published();
}

/// Gives way: others run first, then this one goes on. Parks the goroutine; yields the CPU on a thread.
pub fn yield_now() {
    let section = critical();
    let Some((m, g)) = section.m().and_then(|m| m.g().map(|g| (m, g))) else {
        drop(section);
        return std::thread::yield_now();
    };
    if std::thread::panicking() {
        return;
    }
    let Some(p) = m.p() else { return };
    // Relaxed: hints; missing something means that it runs a call later.
    if p.ring.is_empty() && !p.preempt.load(Ordering::Relaxed) && p.next.peek().is_null() {
        let d = p.dispatches.get().wrapping_add(1);
        p.dispatches.set(d);
        p.begin_slice();
        if m.sched.waiting() == 0 && d % run::CHECK_EVERY != 0 {
            return;
        }
    }
    // Relaxed: only this M clears it.
    let preempted = p.preempt.load(Ordering::Relaxed);
    // The section stays open until the successor closes it, so the P is this one until then.
    let commit = move || {
        if preempted {
            p.counters.preempted_at_call.bump();
            m.sched.global.push(g);
        } else {
            m.sched.push_local(p, g);
        }
    };
    // SAFETY: the caller is `g`; a queue readies it exactly once.
    unsafe { leave_for_another(hand_over(section), g, WaitReason::Yield, commit) };
}

/// Gives way if the goroutine's time slice is over; else one load. For loops that want to be polite. May
/// park the goroutine; does nothing on a thread.
#[inline]
pub fn checkpoint() {
    let asked = {
        let section = critical();
        // Relaxed: a hint; the next look comes soon.
        section.m().and_then(M::p).is_some_and(|p| p.preempt.load(Ordering::Relaxed))
    };
    if asked {
        yield_now();
    }
}

/// Blocks the calling thread in `wait`. If it runs a goroutine (that unwinds), its P goes on without it.
#[cold]
fn block_thread(wait: impl FnOnce()) {
    blocking::blocking(wait);
}
