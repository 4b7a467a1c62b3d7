//! Threads whose P was taken while they slept in the kernel, or did not stop in time: what becomes of them.
//!
//! The protocol is in `retake.md`. Such a thread comes back in one of three ways. It enters the runtime: then it takes
//! an idle P, or waits for one among those that were stopped. It computes on, which the monitor sees by its CPU clock:
//! then it is given a P that idles, or when there is none it is stopped once it has used up its grace. Or it sleeps
//! again, and nothing happens at all. In any case its goroutine stays on its thread: blocking is not a park.

use std::cell::Cell;
use std::ptr;

use crate::awake::Answer;
use crate::blocking;
use crate::clock::NEVER;
use crate::g::GoId;
use crate::hold::{Lost, Settled};
use crate::m::M;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;
use crate::sys;
use crate::trace::{self, TraceKind};
use crate::wait::WaitReason;

/// What a goroutine may compute without a P before it is stopped: twenty times what the way back from a system call
/// into the runtime takes. Each thread may exceed GOMAXPROCS by that, and by how long the monitor does not look.
const GRACE: u64 = 200_000;
/// How soon the monitor looks at a thread after it has taken its P, or has seen it compute.
const SOON: u64 = 100_000;
/// How long it leaves one alone that goes on sleeping, at most: bounds how long it may compute unseen.
const SELDOM: u64 = 5_000_000;
/// How soon one is asked again that stops at a clock tick, or cannot be asked; and one that was sent a signal.
const TICK: u64 = 1_000_000;
const UNANSWERED: u64 = 400_000;
/// Added to that for each thread in the list, so that looking at ten thousand costs what looking at a few does.
const EACH: u64 = 20_000;
/// How often a thread is asked to stop for good, 50 µs apart.
pub(crate) const ASKED: u32 = 110;

/// What the monitor notes about one thread, in its M. The monitor's alone.
#[derive(Debug, Default)]
pub(crate) struct Record {
    next: Cell<Option<&'static M>>,
    listed: Cell<bool>,
    /// Its CPU clock when the P was taken.
    first: Cell<u64>,
    /// Its CPU clock at the last look.
    cpu: Cell<u64>,
    look_at: Cell<u64>,
    pause: Cell<u64>,
    /// Not asked again before.
    ask_at: Cell<u64>,
    /// Whether it had computed at the last look.
    computes: Cell<bool>,
}

/// By the thread itself, in a section just entered: makes sure that it has a P (E4). May block the thread, as being
/// stopped does; holds no lock of the runtime.
#[cold]
pub(crate) fn settle(m: &'static M) {
    if m.hold.settle() == Settled::Kept {
        return;
    }
    take_another(m);
    if let Some(g) = m.g() {
        // SAFETY: the goroutine that this thread runs.
        trace::note(m, TraceKind::Start, unsafe { g.as_ref() }.id());
    }
}

fn take_another(m: &'static M) {
    let sched = m.sched;
    // AcqRel: pairs with Acquire in `check_deadlock`; what made the goroutine runnable comes first.
    let leave = || sched.blocked.fetch_sub(1, Ordering::AcqRel);
    if sched.take_idle_p(m) {
        leave();
    } else {
        blocking::wait_for_p(m, leave);
    }
}

/// R1 to R4: takes `p` from `m`, whose thread sleeps, or cannot be stopped at once. By the monitor, which owns the P if it says true.
pub(crate) fn retake(sched: &'static Scheduler, m: &'static M, p: &'static P) -> bool {
    let Some(preempt) = sched.config.preempt else { return false };
    // AcqRel: counted before the P can be seen idle, for the deadlock detector.
    sched.blocked.fetch_add(1, Ordering::AcqRel);
    let taken = m.hold.retake(ptr::from_ref(p).cast_mut(), || {
        preempt.barrier();
    });
    if !taken {
        sched.blocked.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        return false;
    }
    sched.reclaim_spare(m);
    p.counters.retaken.bump();
    note(m, p, TraceKind::Stop(WaitReason::Blocking));
    // Release: nobody holds it.
    p.m.store(ptr::null_mut(), Ordering::Release);
    true
}

/// The threads that have lost their P, as the monitor keeps them: linked through their records, so that nothing is
/// allocated.
#[derive(Debug, Default)]
pub(crate) struct LostThreads {
    first: Option<&'static M>,
    len: u64,
    /// How many of them had computed at the last look.
    computing: usize,
    /// Whose turn it was last to be asked to stop.
    turn: Option<&'static M>,
}

impl LostThreads {
    /// None.
    pub(crate) fn new() -> LostThreads {
        LostThreads::default()
    }

    /// How many, at the last look.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// How many computed at the last look, and those from whom a P was taken since although they did.
    pub(crate) fn computing(&self) -> usize {
        self.computing
    }

    /// Adds one, from which a P was just taken when its clock showed `cpu`; `computes`: though it was not asleep.
    pub(crate) fn add(&mut self, m: &'static M, cpu: u64, now: u64, computes: bool) {
        let record = &m.lost;
        record.computes.set(computes);
        self.computing += usize::from(computes);
        record.first.set(cpu);
        record.cpu.set(cpu);
        record.pause.set(SOON);
        record.look_at.set(now + SOON);
        record.ask_at.set(now);
        if !record.listed.replace(true) {
            record.next.set(self.first);
            self.first = Some(m);
            self.len += 1;
        }
    }

    /// Looks at those whose time has come; returns when the next one's comes. One of them at most is asked to stop, in turn:
    /// it takes so long that timers would be late for more.
    pub(crate) fn look(&mut self, sched: &'static Scheduler, now: u64) -> u64 {
        let mut next_look = NEVER;
        let most = SELDOM + EACH * self.len;
        let before = self.turn;
        let (mut asked, mut passed, mut skipped) = (None, before.is_none(), false);
        let mut computing = 0;
        self.retain(|m| {
            let mut stays = is_still_lost(sched, m);
            if stays {
                match look_at(sched, m, now, most) {
                    Now::Granted => stays = false,
                    Now::Exceeds if passed && asked.is_none() => {
                        asked = Some(m);
                        let pause = match sched.ask(m, false) {
                            Answer::Later | Answer::Never => TICK,
                            Answer::Now => UNANSWERED,
                            Answer::Asleep | Answer::Unknown => SOON,
                        };
                        m.lost.ask_at.set(now + pause);
                    }
                    Now::Exceeds => skipped |= !passed,
                    Now::MayGoOn => {}
                }
            }
            passed |= before.is_some_and(|before| ptr::eq(before, m));
            if stays {
                computing += usize::from(m.lost.computes.get());
                next_look = next_look.min(m.lost.look_at.get());
            }
            stays
        });
        // Nobody after that one: begin anew with those before.
        self.turn = asked.or(before.filter(|_| !skipped));
        self.computing = computing;
        next_look
    }

    /// The runtime stops: those that have stopped for want of a P are released with the others (`stop.rs`, Z2). Whether any
    /// are left that compute or sleep.
    pub(crate) fn any_left(&mut self, sched: &'static Scheduler) -> bool {
        self.retain(|m| is_still_lost(sched, m));
        self.len > 0
    }

    /// Goes through all, and keeps those that `stays` says so of.
    fn retain(&mut self, mut stays: impl FnMut(&'static M) -> bool) {
        let mut kept: Option<&'static M> = None;
        let mut at = self.first;
        while let Some(m) = at {
            at = m.lost.next.get();
            if stays(m) {
                kept = Some(m);
                continue;
            }
            m.lost.listed.set(false);
            self.len -= 1;
            match kept {
                None => self.first = at,
                Some(before) => before.lost.next.set(at),
            }
        }
    }

    /// The runtime stops: those that compute are stopped for good (Z3). Asked as often as the preemption side may put them off.
    pub(crate) fn abandon(&self, sched: &'static Scheduler) {
        for _ in 0..ASKED {
            let mut left = 0;
            let mut at = self.first;
            while let Some(m) = at {
                if m.hold.lost() == Lost::Still {
                    left += usize::from(sched.signal(m));
                }
                at = m.lost.next.get();
            }
            if left == 0 {
                return;
            }
            sys::nap();
        }
    }
}

/// Whether `m` is still without a P, and was not stopped for that; if it was, its goroutine is queued.
fn is_still_lost(sched: &'static Scheduler, m: &'static M) -> bool {
    match m.hold.lost() {
        Lost::NoMore => false,
        Lost::Halted => {
            m.hold.set(ptr::null_mut());
            sched.queue_stopped(m);
            // AcqRel: as in `settle`: queued first.
            sched.blocked.fetch_sub(1, Ordering::AcqRel);
            false
        }
        Lost::Still => true,
    }
}

/// What a look at one of them has found.
enum Now {
    /// It has got a P.
    Granted,
    /// It has computed for longer than it may.
    Exceeds,
    MayGoOn,
}

/// Looks at `m` if its time has come, and again after `most` at the latest.
fn look_at(sched: &'static Scheduler, m: &'static M, now: u64, most: u64) -> Now {
    let record = &m.lost;
    if now < record.look_at.get() {
        return Now::MayGoOn;
    }
    let Some(cpu) = sched.cpu_time(m) else { return Now::MayGoOn };
    let computes = record.cpu.replace(cpu) != cpu;
    record.computes.set(computes);
    if !computes {
        record.pause.set((2 * record.pause.get()).min(most));
        record.look_at.set(now + record.pause.get());
        return Now::MayGoOn;
    }
    record.pause.set(SOON);
    record.look_at.set(now + SOON);
    if sched.grant(m) {
        return Now::Granted;
    }
    let exceeds = cpu.saturating_sub(record.first.get()) >= GRACE;
    if exceeds && now >= record.ask_at.get() { Now::Exceeds } else { Now::MayGoOn }
}

impl Scheduler {
    /// G: gives an idle P to `m`, which computes without one. By the monitor.
    fn grant(&'static self, m: &'static M) -> bool {
        let p = self.lists.lock().take_p(self);
        let Some(p) = p else { return false };
        p.begin_slice();
        // Release: pairs with Acquire in the monitor and `stop`.
        p.m.store(ptr::from_ref(m).cast_mut(), Ordering::Release);
        if !m.hold.grant(ptr::from_ref(p).cast_mut()) {
            self.pass_on(p, false);
            return false;
        }
        // AcqRel: as in `settle`.
        self.blocked.fetch_sub(1, Ordering::AcqRel);
        note(m, p, TraceKind::Start);
        true
    }
}

/// Notes what happens to the goroutine of `m`, for traces. By the monitor.
fn note(m: &M, p: &P, kind: TraceKind) {
    if let Some(g) = m.seen_g() {
        // SAFETY: slots are never freed, and this field is atomic; the others may be somebody else's by now.
        let id = unsafe { &(*g.as_ptr()).id };
        // Relaxed: a number for people.
        trace::note_by_monitor(m, kind, GoId(id.load(Ordering::Relaxed)), p);
    }
}
