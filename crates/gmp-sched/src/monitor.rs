//! The monitor: a thread without a P that sees what busy Ps cannot see themselves.
//!
//! It takes Ps from goroutines that block in a section for long; asks goroutines that compute for longer than
//! a slice to give way, while somebody waits; notices timers and readiness that nobody looks at because all
//! Ps are busy; and has stranded work stolen. It never allocates and takes no lock that user code can hold: it must
//! go on when a stopped goroutine holds malloc's. It sleeps until the next thing can happen, and for good
//! while every P is idle.

use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use crate::clock;
use crate::current;
use crate::idle::LeftSearch;
use crate::look::{self, Need, Seen, look};
use crate::lost::LostThreads;
use crate::m::M;
use crate::parker::Parker;
use crate::scheduler::Scheduler;
use crate::stop;
use crate::surplus::Surplus;
use crate::sync::plain::{AtomicBool, AtomicPtr, Ordering, fence};
use crate::sys;
use crate::trace::{self, Ring};

/// How often it looks when nothing is suspicious: bounds how late a hog or a blocked P is noticed. At 1 ms the
/// monitor costs a few thousandths of a core; Go's runs at 20 µs to 10 ms.
const CALM: u64 = 1_000_000;
/// How often it looks for threads that compute without a P while every P idles: a slice of 10 ms.
const QUIET: u64 = 10_000_000;
/// Looks with every P idle before it sleeps for good: bursts of work shall not pay for waking it.
const QUIET_LOOKS: u32 = 20;
/// How often free stacks that were deep are trimmed, and how many: some 130 µs of every 100 ms at most, nothing when no stack
/// was given back. A peak of 10,000 deep stacks is gone in 4 s.
const TRIM_EVERY: u64 = 100_000_000;
const TRIM_SOME: usize = 256;
/// How long every P is idle before all pages of free stacks go back, and slabs that nobody needs: bursts of work shall find
/// what the last one left. After that it sleeps for good.
const SETTLED: Duration = Duration::from_secs(1);
/// How much longer than its look its pause is, at least, up to [`CALM`]: a look may also be long because it did not run. The kernel lets a thread that wakes go before the one that runs
/// only if it has not had more than its share; with four threads on the CPU that takes three times the look.
const REST: u64 = 4;
/// The shortest pause.
const SHORTEST: u64 = 10_000;

/// What others see of the monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    parker: Parker,
    /// It sleeps for good; whoever takes an idle P wakes it.
    asleep: AtomicBool,
    /// It neither takes nor gives Ps any more.
    ended: AtomicBool,
    /// Whether the kernel has the fence that retaking needs.
    retakes: OnceLock<bool>,
    /// The M that leaves its P to the monitor (H7 of `preempt.rs`). The monitor's alone.
    pub(crate) leaving: AtomicPtr<M>,
    /// Its trace events, once it has noted one. Not the process's: the monitor of a runtime that has ended may be late, and
    /// still write when the next runtime's does (Z4 in `stop.rs`), and a ring has one writer.
    trace: OnceLock<&'static Ring>,
}

impl Monitor {
    /// Not started.
    pub(crate) fn new() -> Monitor {
        Monitor {
            parker: Parker::new(),
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            retakes: OnceLock::new(),
            leaving: AtomicPtr::new(ptr::null_mut()),
            trace: OnceLock::new(),
        }
    }

    /// Where it notes trace events. The monitor's alone.
    pub(crate) fn trace_ring(&self) -> &'static Ring {
        self.trace.get_or_init(trace::new_ring)
    }

    /// Whether it has stopped those that compute without a P, and neither takes nor gives Ps any more.
    pub(crate) fn has_ended(&self) -> bool {
        // Acquire: pairs with Release at its end.
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn may_retake(&self, sched: &Scheduler) -> bool {
        *self.retakes.get_or_init(|| sched.config.preempt.is_some_and(|p| p.barrier()))
    }

    /// Ends its sleep if it sleeps for good. One load if not.
    pub(crate) fn poke_if_asleep(&self) {
        // SeqCst fence: pairs with the one in `sleep_while_idle`: it sees the busy P, or this sees it asleep.
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

    /// Sleeps until a P is taken or, if that is given, `at_most` so long; false if it was so long.
    fn sleep_while_idle(&self, sched: &'static Scheduler, at_most: Option<Duration>) -> bool {
        // Whoever idled last may have taken a thread that was just being started for a foreign one.
        sched.check_deadlock();
        self.asleep.store(true, Ordering::Relaxed); // Relaxed: ordered by the fence.
        // SeqCst fence: pairs with the one in `poke_if_asleep`.
        fence(Ordering::SeqCst);
        let mut poked = true;
        if all_idle(sched) && !sched.is_stopping() {
            poked = self.parker.park_timeout(at_most);
        }
        self.asleep.store(false, Ordering::Relaxed); // Relaxed: a needless poke is harmless.
        poked
    }
}

fn all_idle(sched: &'static Scheduler) -> bool {
    // Those above GOMAXPROCS may still be held by goroutines that do not give way.
    // Relaxed: looked at again before the monitor sleeps, behind a fence; and whoever lowers GOMAXPROCS pokes it.
    let retired = |i: usize| sched.proc(i).m.load(Ordering::Relaxed).is_null();
    sched.idle.counts().idle() >= sched.procs() && (sched.procs()..sched.created()).all(retired)
}

/// The monitor's thread: looks at every P, sleeps, again; until the runtime stops.
pub(crate) fn run(sched: &'static Scheduler) {
    sys::precise_timers();
    if let Some(placing) = &sched.placing {
        placing.be_prompt();
    }
    let mut seen = vec![Seen::default(); crate::config::MAX_PROCS];
    let mut lost = LostThreads::new();
    let mut queue = Queue::default();
    let mut quiet = 0;
    let mut last_poll = 0;
    let mut trimmed = clock::now();
    // Whether free stacks have been trimmed since every P became idle.
    let mut settled = false;
    let mut surplus = Surplus::new();
    current::set_monitor(true);
    while !sched.is_stopping() {
        let idle = all_idle(sched);
        quiet = if idle { quiet + 1 } else { 0 };
        let now = clock::now();
        if now - trimmed >= TRIM_EVERY {
            trimmed = now;
            sched.stacks.trim_some(TRIM_SOME);
        }
        if sched.idle.counts().idle() > 0 {
            surplus.look(sched, now);
        }
        let mut next = now + if quiet > QUIET_LOOKS { QUIET } else { CALM };
        let mut ready = 0;
        if sched.polls.get() != last_poll {
            last_poll = sched.polls.get();
        } else {
            ready = sched.carrying(|| {
                let Some(mut found) = sched.poll_now() else { return 0 };
                let ready = found.len();
                sched.inject_all(&mut found);
                ready
            });
        }
        next = next.min(lost.look(sched, now));
        let counts = sched.idle.counts();
        let idle = counts.idle() > 0;
        let starving = queue.starves(sched, now);
        let left_behind = sched.left_behind();
        next = next.min(left_behind.max(now + CALM / 2));
        let urgent = ready.max((starving || left_behind <= now).into());
        let (missed, searched) = (sched.waiting() > 0, counts.searching() > 0);
        let mut need = Need { idle, missed, searched, urgent };
        for (index, seen) in seen.iter_mut().enumerate().take(sched.created()) {
            next = next.min(look(sched, sched.proc(index), seen, now, &mut need, &mut lost));
        }
        if idle {
            rescue(sched, now);
        }
        sched.serve_leaving();
        serve_orphans(sched);
        sched.spawner.try_again(now);
        // Whatever it was poked for while it looked, or sleeps for, it sees next: no park is followed by another one without a
        // look in between, or a poke that ends the first would be forgotten in the second.
        // More threads without a P than there are Ps may compute all at once, unseen.
        if quiet > QUIET_LOOKS && lost.len() <= sched.procs() {
            let at_most = if settled { None } else { Some(SETTLED) };
            settled = !sched.monitor.sleep_while_idle(sched, at_most);
            if settled {
                sched.stacks.trim_while(|| all_idle(sched));
            } else {
                quiet = 0;
            }
            continue;
        }
        let end = clock::now();
        let rest = (REST * (end - now)).min(CALM);
        let pause = next.saturating_sub(end).max(rest).max(SHORTEST);
        sched.monitor.parker.park_timeout(Some(Duration::from_nanos(pause)));
    }
    let begun = clock::now();
    sched.end_spares();
    while lost.any_left(sched) && !stop::is_firm(sched, clock::now() - begun) {
        sys::nap();
    }
    lost.abandon(sched);
    // Release: pairs with Acquire in `has_ended`.
    sched.monitor.ended.store(true, Ordering::Release);
    stop::see_to_the_rest(sched, begun);
    current::set_monitor(false);
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

/// A P that waits for a thread to be made goes to a goroutine that has one and was stopped: making a thread allocates,
/// and that goroutine may hold the allocator's lock.
fn serve_orphans(sched: &'static Scheduler) {
    while sched.tied.len() > 0 {
        let orphan = sched.lists.lock().pop_orphan();
        let Some((index, searching)) = orphan else { return };
        let p = sched.proc(index);
        if searching && sched.idle.leave_search() == LeftSearch::Last {
            sched.published();
        }
        look::lend(sched, p, false);
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
