//! The monitor: a thread without a P that sees what busy Ps cannot see themselves.
//!
//! It takes Ps from goroutines that block in a section for long; asks goroutines that compute for longer than
//! a slice to give way, while somebody waits; notices timers and readiness that nobody looks at because all
//! Ps are busy; and has stranded work stolen. It never allocates and takes no lock that user code can hold: it must
//! go on when a stopped goroutine holds malloc's. It sleeps until the next thing can happen, and for good
//! while every P is idle.

use std::time::Duration;

use crate::blocking;
use crate::clock::{self, NEVER};
use crate::p::P;
use crate::parker::Parker;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicBool, Ordering, fence};
use crate::sys;

/// How often it looks when nothing is suspicious: bounds how late a hog or a blocked P is noticed. At 1 ms the
/// monitor costs a few thousandths of a core; Go's runs at 20 µs to 10 ms.
const CALM: u64 = 1_000_000;
/// How often it looks when something is: a blocked P, a waiting goroutine, an unanswered request.
const ALERT: u64 = 100_000;
/// A blocking section shorter than this keeps its P: twice what a hand-over costs (Go: 20 µs).
const BLOCKED_FOR: u64 = 40_000;
/// A blocked P that nobody misses is taken after this, so that it can serve work that comes from outside.
const BLOCKED_AND_UNMISSED: u64 = 1_000_000;
/// What urgent work concedes to the goroutine that runs: more often would be spent on switching alone.
const URGENT_AFTER: u64 = 200_000;
/// Looks with every P idle before it sleeps for good: bursts of work shall not pay for waking it.
const QUIET_LOOKS: u32 = 20;

/// What others see of the monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    parker: Parker,
    /// It sleeps for good; whoever takes an idle P wakes it.
    asleep: AtomicBool,
}

/// What it saw of a P when it looked last.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    tick: u32,
    /// When this tick was first seen.
    since: u64,
    switches: u64,
    lease: u64,
    lease_since: u64,
    /// It was asked to give way in this slice.
    asked: bool,
}

impl Monitor {
    /// Not started.
    pub(crate) fn new() -> Monitor {
        Monitor { parker: Parker::new(), asleep: AtomicBool::new(false) }
    }

    /// Ends its sleep if it sleeps for good. One load if not.
    pub(crate) fn poke_if_asleep(&self) {
        // SeqCst fence: pairs with the one in `sleep_for_good`: it sees the busy P, or this sees it asleep.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence.
        if self.asleep.load(Ordering::Relaxed) {
            self.poke();
        }
    }

    /// Ends its sleep.
    pub(crate) fn poke(&self) {
        self.parker.notify();
    }

    fn sleep_for_good(&self, sched: &'static Scheduler) {
        // Whoever idled last may have taken a thread that was just being started for a foreign one.
        sched.check_deadlock();
        self.asleep.store(true, Ordering::Relaxed); // Relaxed: ordered by the fence.
        // SeqCst fence: pairs with the one in `poke_if_asleep`.
        fence(Ordering::SeqCst);
        if all_idle(sched) && !sched.is_stopping() {
            self.parker.park();
        }
        self.asleep.store(false, Ordering::Relaxed); // Relaxed: a needless poke is harmless.
    }
}

fn all_idle(sched: &Scheduler) -> bool {
    sched.idle.counts().idle() >= sched.procs()
}

/// The monitor's thread: looks at every P, sleeps, again; until the runtime stops.
pub(crate) fn run(sched: &'static Scheduler) {
    sys::precise_timers();
    let mut seen = vec![Seen::default(); crate::config::MAX_PROCS];
    let mut quiet = 0;
    let mut last_poll = 0;
    while !sched.is_stopping() {
        if all_idle(sched) {
            quiet += 1;
            if quiet > QUIET_LOOKS {
                sched.monitor.sleep_for_good(sched);
                quiet = 0;
                continue;
            }
        } else {
            quiet = 0;
        }
        let now = clock::now();
        let mut next = now + CALM;
        let mut urgent = false;
        if sched.polls.get() != last_poll {
            last_poll = sched.polls.get();
        } else if let Some(mut ready) = sched.poll_now() {
            urgent = !ready.is_empty();
            sched.inject_all(&mut ready);
        }
        let missed = urgent || sched.global.len() > 0;
        for (index, seen) in seen.iter_mut().enumerate().take(sched.created()) {
            next = next.min(look(sched, sched.proc(index), seen, now, missed, urgent));
        }
        if sched.idle.counts().idle() > 0 {
            rescue(sched, now);
        }
        let pause = next.saturating_sub(clock::now()).max(10_000);
        sched.monitor.parker.park_timeout(Some(Duration::from_nanos(pause)));
    }
}

/// Has work that lies beside an idle P taken care of: stranded `next`s, due timers, readiness that nobody
/// watches.
fn rescue(sched: &'static Scheduler, now: u64) {
    let work = (0..sched.created()).any(|i| sched.proc(i).has_work()) || sched.global.len() > 0;
    let unwatched = sched.earliest_timer() <= now || sched.nobody_watches();
    if work || unwatched {
        sched.published();
    }
}

/// Looks at one P; returns when to look again.
fn look(
    sched: &'static Scheduler,
    p: &'static P,
    seen: &mut Seen,
    now: u64,
    missed: bool,
    urgent: bool,
) -> u64 {
    // Acquire: pairs with Release in `M::set_p`.
    // SAFETY: Ms are never freed.
    let m = unsafe { p.m.load(Ordering::Acquire).as_ref() };
    let Some(m) = m else {
        *seen = Seen::default();
        return NEVER;
    };
    // Acquire: pairs with B1 of blocking.rs.
    let lease = p.lease.load(Ordering::Acquire);
    if lease != seen.lease {
        (seen.lease, seen.lease_since) = (lease, now);
    }
    if blocking::is_takeable(lease) {
        return look_blocked(sched, p, seen, now, missed);
    }
    // Relaxed: compared only.
    let tick = p.tick.load(Ordering::Relaxed);
    let switches = p.counters.switches.get();
    if tick != seen.tick || seen.since == 0 {
        sched.reclaim_spare(m);
        (seen.tick, seen.since, seen.asked) = (tick, now, false);
    }
    let computing = switches == seen.switches;
    seen.switches = switches;
    let ran = now - seen.since;
    let due = p.timers.earliest();
    let pressed = urgent || due <= now;
    if !(pressed || missed || p.has_work()) {
        return due;
    }
    let limit = if pressed { URGENT_AFTER.min(sched.slice) } else { sched.slice };
    if ran < limit {
        // A timer that becomes due makes it urgent before the slice is over.
        return if pressed { seen.since + limit } else { due.min(seen.since + limit) };
    }
    // A goroutine that has dispatched nothing since the last look is not likely to call soon.
    sched.preempt(p, computing || seen.asked);
    seen.asked = true;
    now + ALERT
}

/// A P whose holder is in a blocking section.
fn look_blocked(
    sched: &'static Scheduler,
    p: &'static P,
    seen: &Seen,
    now: u64,
    missed: bool,
) -> u64 {
    let blocked = now - seen.lease_since;
    let wanted = missed || p.has_work() || p.timers.earliest() <= now;
    if blocked < if wanted { BLOCKED_FOR } else { BLOCKED_AND_UNMISSED } {
        return now + ALERT;
    }
    // AcqRel: counted before the P can be seen idle, for the deadlock detector.
    sched.blocked.fetch_add(1, Ordering::AcqRel);
    if !blocking::retake(p, seen.lease) {
        sched.blocked.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        return now + ALERT;
    }
    p.counters.handoffs.bump();
    let mut lists = sched.lists.lock();
    if wanted {
        // Release: nobody holds it until the M that is woken does.
        p.m.store(std::ptr::null_mut(), Ordering::Release);
        sched.give(&mut lists, p, false);
    } else {
        lists.push_p(sched, p);
    }
    now + ALERT
}
