//! The monitor: a thread without a P that sees what busy Ps cannot see themselves.
//!
//! It takes Ps from goroutines that block in a section for long; asks goroutines that compute for longer than
//! a slice to give way, while somebody waits; notices timers and readiness that nobody looks at because all
//! Ps are busy; and has stranded work stolen. It never allocates and takes no lock that user code can hold: it must
//! go on when a stopped goroutine holds malloc's. It sleeps until the next thing can happen, and for good
//! while every P is idle.

use std::sync::OnceLock;
use std::time::Duration;

use crate::blocking;
use crate::clock::{self, NEVER};
use crate::lost::{self, LostThreads};
use crate::m::M;
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
/// How often it looks for threads that compute without a P while every P idles: a slice of 10 ms.
const QUIET: u64 = 10_000_000;
/// How far apart two readings of a CPU clock are that say that it stands still. One that runs advances by nanoseconds;
/// this leaves room for an interrupt.
const STILL: u64 = 20_000;
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
    /// Its thread looks no more.
    ended: AtomicBool,
    /// Whether the kernel has the fence that retaking needs.
    retakes: OnceLock<bool>,
}

/// What it saw of a P when it looked last.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The number of the M that held it, whose thread's clock is read.
    holder: usize,
    tick: u32,
    /// When this tick was first seen; 0 when the P had no holder.
    since: u64,
    switches: u64,
    lease: u64,
    lease_since: u64,
    /// The CPU clock of the holder's thread at the beginning of the slice, and at the last look; and when that was.
    first: u64,
    cpu: u64,
    read_at: u64,
    /// It was asked to give way in this slice.
    asked: bool,
}

/// Who waits beside the Ps' own queues while no P idles.
#[derive(Debug)]
struct Need {
    /// A P idles: whoever waits is served there, and no goroutine has to give way.
    idle: bool,
    /// Somebody waits in the queues that belong to no P.
    missed: bool,
    /// That many Ps are wanted at once.
    urgent: usize,
}

impl Monitor {
    /// Not started.
    pub(crate) fn new() -> Monitor {
        Monitor {
            parker: Parker::new(),
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            retakes: OnceLock::new(),
        }
    }

    /// Whether it has stopped those that compute without a P, and looks no more.
    pub(crate) fn has_ended(&self) -> bool {
        // Acquire: pairs with Release at its end.
        self.ended.load(Ordering::Acquire)
    }

    fn may_retake(&self, sched: &Scheduler) -> bool {
        *self.retakes.get_or_init(|| sched.config.preempt.is_some_and(|p| p.barrier()))
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

    fn sleep_for_good(&self, sched: &Scheduler) {
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
    sys::prompt_scheduling();
    let mut seen = vec![Seen::default(); crate::config::MAX_PROCS];
    let mut lost = LostThreads::new();
    let mut queue = Queue::default();
    let mut quiet = 0;
    let mut last_poll = 0;
    while !sched.is_stopping() {
        let idle = all_idle(sched);
        quiet = if idle { quiet + 1 } else { 0 };
        // More threads without a P than there are Ps may compute all at once, unseen.
        if quiet > QUIET_LOOKS && lost.len() <= sched.procs() {
            sched.monitor.sleep_for_good(sched);
            quiet = 0;
            continue;
        }
        let now = clock::now();
        let mut next = now + if quiet > QUIET_LOOKS { QUIET } else { CALM };
        let mut ready = 0;
        if sched.polls.get() != last_poll {
            last_poll = sched.polls.get();
        } else if let Some(mut found) = sched.poll_now() {
            ready = found.len();
            sched.inject_all(&mut found);
        }
        next = next.min(lost.look(sched, now));
        let idle = sched.idle.counts().idle() > 0;
        let starving = queue.starves(sched, now);
        let mut need =
            Need { idle, missed: sched.waiting() > 0, urgent: ready.max(starving.into()) };
        for (index, seen) in seen.iter_mut().enumerate().take(sched.created()) {
            next = next.min(look(sched, sched.proc(index), seen, now, &mut need, &mut lost));
        }
        if idle {
            rescue(sched, now);
        }
        sched.spawner.try_again(now);
        let pause = next.saturating_sub(clock::now()).max(10_000);
        sched.monitor.parker.park_timeout(Some(Duration::from_nanos(pause)));
    }
    lost.abandon(sched);
    // Release: pairs with Acquire in `has_ended`.
    sched.monitor.ended.store(true, Ordering::Release);
}

/// How long the head of the global queue has been waiting.
#[derive(Debug, Default)]
struct Queue {
    taken: u64,
    since: u64,
}

impl Queue {
    /// Whether nobody has been taken out for a slice although somebody waits.
    fn starves(&mut self, sched: &Scheduler, now: u64) -> bool {
        let taken = sched.global.taken();
        if taken != self.taken || sched.global.len() == 0 {
            (self.taken, self.since) = (taken, now);
        }
        now - self.since >= sched.slice
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
    need: &mut Need,
    lost: &mut LostThreads,
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
        return look_blocked(sched, p, seen, now, need.missed);
    }
    let cpu = sched.cpu_time(m);
    let before = *seen;
    // Relaxed: compared only.
    let tick = p.tick.load(Ordering::Relaxed);
    seen.switches = p.counters.switches.get();
    (seen.cpu, seen.read_at, seen.holder) = (cpu.unwrap_or(0), now, m.id);
    let due = p.timers.earliest();
    if tick != before.tick || before.since == 0 || before.holder != m.id {
        sched.reclaim_spare(m);
        (seen.tick, seen.since, seen.first, seen.asked) = (tick, now, seen.cpu, false);
    }
    let retires = p.index >= sched.procs();
    let pressed = !need.idle && (need.urgent > 0 || due <= now);
    let wanted = pressed || retires || !need.idle && (need.missed || p.has_work());
    if !wanted {
        return due;
    }
    if pressed {
        // The cheap way costs nobody anything.
        p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request.
    }
    if seen.switches != before.switches {
        // It comes by and looks.
        if now - seen.since >= sched.slice {
            p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request.
        }
        need.urgent = need.urgent.saturating_sub(usize::from(pressed));
        return if pressed { now + ALERT } else { due.min(seen.since + sched.slice) };
    }
    if cpu.is_some() && seen.cpu == before.cpu && seen.holder == before.holder {
        if now - before.read_at < STILL {
            (seen.cpu, seen.read_at) = (before.cpu, before.read_at);
            return before.read_at + STILL;
        }
        if !sched.monitor.may_retake(sched) || !sched.is_asleep(m) {
            // Ready to run, and the kernel has given it no CPU: nothing that stopping it would mend.
            return now + ALERT;
        }
        if !lost::retake(sched, m, p) {
            return now + STILL;
        }
        need.urgent = need.urgent.saturating_sub(usize::from(pressed));
        lost.add(m, seen.cpu, now);
        pass_on(sched, p, pressed);
        return now + ALERT;
    }
    let used = if cpu.is_some() { seen.cpu.saturating_sub(seen.first) } else { now - seen.since };
    let limit = if pressed { URGENT_AFTER.min(sched.slice) } else { sched.slice };
    if used < limit {
        // A timer that becomes due makes it urgent before the slice is over.
        return if pressed { now + limit - used } else { due.min(now + limit - used) };
    }
    p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request; the signal orders what matters.
    let asked = std::mem::replace(&mut seen.asked, true);
    if !(pressed || asked) {
        return now + ALERT;
    }
    need.urgent = need.urgent.saturating_sub(usize::from(pressed));
    if cpu.is_some() && falls_asleep(sched, m, cpu) {
        return now + STILL;
    }
    if sched.config.preempt.is_some_and(|preempt| preempt.can_stop()) {
        sched.stop(m);
    }
    now + ALERT
}

/// Whether `m`, whose clock showed `cpu` a moment ago, has gone to sleep since: a signal would end its system call. It may
/// as well have been put off its CPU, by this very thread for instance, whose own that CPU is now.
pub(crate) fn falls_asleep(sched: &Scheduler, m: &M, cpu: Option<u64>) -> bool {
    sched.cpu_time(m) == cpu && sched.is_asleep(m)
}

/// A P that was taken from a sleeper goes to the oldest of those that were stopped: it may hold what the sleeper waits
/// for (H6). Unless a timer is due: then to whoever runs that.
fn pass_on(sched: &'static Scheduler, p: &'static P, pressed: bool) {
    let oldest = if pressed { None } else { sched.tied.take(u64::MAX) };
    // SAFETY: in the queue, so alive.
    let thread = oldest.and_then(|g| unsafe { g.as_ref() }.tied().map(|thread| (g, thread)));
    let Some((g, thread)) = thread else { return sched.pass_on(p, true) };
    p.begin_slice();
    p.counters.switches.bump();
    sched.pass_to(p, g, thread, false);
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
    sched.pass_on(p, wanted);
    now + ALERT
}
