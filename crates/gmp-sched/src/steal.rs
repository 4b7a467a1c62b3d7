//! Taking work from other Ps: half of the first backlog that is found, in random order.
//!
//! Moving a goroutine costs cache-line transfers, so a thief leaves its victim alone where that gets on faster by
//! itself. In two cases it *watches* first, one glance every few microseconds:
//! - What a victim is about to run, its `next` and the only goroutine of its ring, is taken only if the victim
//!   has dispatched nothing between two glances: then it computes on, and would strand it. Taken earlier, a ping-pong pair would
//!   be torn apart, and who spawns one goroutine and waits for it would chase it from core to core. (Go sleeps 3 µs
//!   before it takes `runnext`.) A thief that was woken for it need not watch for long: the victim has said how far it was.
//! - A backlog is taken at once while stealing has paid (`worth.rs`). Else only if the victim stalls, spawns
//!   for long without running anything, runs coarser goroutines than it did, or has more of them than it can work off
//!   soon; or after a while in any case, to learn whether stealing pays by now.
//!
//! A thief that has learnt that goroutines are short stays with a victim that gets on, as long as there is nothing else to
//! look at: while it watches, it counts as searching, and nobody is woken in vain. If it slept it would be woken by the
//! next spawn, which costs the spawner more than many of its goroutines do.

use std::hint;
use std::ptr::{self, NonNull};

use crate::clock;
use crate::current;
use crate::find;
use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::queue::local::Batch;
use crate::scheduler::Scheduler;
use crate::trace::{self, TraceKind};

/// Pauses between two glances: about 6 µs, far more than a spawn and a join, so that a victim that gets on is seen to.
/// Ten times as much would break the promise that a goroutine beside a long computation starts within 50 µs. A
/// glance takes two or three cache lines away from the victim, which writes them at every switch.
const GLANCE: u32 = 192;

/// Nanoseconds that a glance takes.
const GLANCE_NANOS: u64 = 6_000;

/// Glances between which a victim must not have dispatched until what it is about to run is stranded: some 12 µs, longer
/// than an ordinary system call.
const STRANDED: u32 = 2;

/// Glances at a victim that has nothing left and does nothing, until it is not watched any more.
const QUIET: u32 = 4;

/// Nanoseconds for which a thief watches one victim, at most.
const WATCH: u64 = 200_000;

/// Nanoseconds for which a victim may go on spawning without running what it spawned.
const SPAWNING: u64 = 40_000;

/// Nanoseconds per goroutine from which on a victim is helped.
const COARSE: u64 = 1_000;

/// Nanoseconds in which a victim must be able to work off its backlog at its present pace.
const DRAINED: u64 = 50_000;

/// Tries the backlog of every other P once, then watches those that have anything. On g0; joins the search, unless enough
/// search already.
pub(crate) fn steal(m: &'static M, p: &'static P) -> Option<NonNull<G>> {
    let sched = m.sched;
    let procs = sched.procs();
    if procs == 1 {
        return None;
    }
    if !m.searching.get() {
        if !sched.idle.try_search(procs) {
            return None;
        }
        m.searching.set(true);
    }
    if p.worth.is_open() {
        p.worth.settle(clock::now());
    }
    let start = m.random() as usize % procs;
    let victims =
        || (0..procs).map(|i| sched.proc((start + i) % procs)).filter(|v| v.index != p.index);
    victims().find_map(|v| rob(m, p, v)).or_else(|| victims().find_map(|v| help(m, p, v)))
}

/// Half of `victim`'s ring, if that is a backlog and worth it, or what its due timers make ready.
fn rob(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    if victim.ring.len() > 1 && p.worth.pays() {
        return take_half(m, p, victim);
    }
    find::run_timers(m, p, victim);
    p.take_next().or_else(|| p.pop())
}

/// Half of `victim`'s ring.
fn take_half(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    let mut batch = Batch::new();
    if victim.ring.steal_half(&mut batch) == 0 {
        return None;
    }
    let mut loot = batch.drain();
    let first = loot.next().and_then(|g| g.item());
    let mut n = 1;
    for tagged in loot {
        let Some(g) = tagged.item() else { continue };
        m.sched.push_as(p, g, tagged.is_fresh());
        n += 1;
    }
    p.counters.steals.bump();
    p.counters.stolen.add(n);
    p.worth.open(clock::now(), n);
    first.inspect(|&g| note_stolen(m, g))
}

/// For a trace.
fn note_stolen(m: &M, g: NonNull<G>) {
    // SAFETY: just taken out of a queue.
    trace::note(m, TraceKind::Steal, unsafe { g.as_ref() }.id());
}

/// What `victim` has left lying, if it does not get on.
fn help(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    if !victim.has_work() || !watch(m, p, victim) {
        return None;
    }
    if !victim.ring.is_empty() {
        return take_half(m, p, victim);
    }
    let g = victim.steal_next(|| m.sched.config.preempt.is_some_and(|p| p.barrier()))?;
    p.counters.steals.bump();
    p.counters.stolen.bump();
    p.worth.open(clock::now(), 1);
    note_stolen(m, g);
    Some(g)
}

/// Watches whether `victim` gets on (module doc). True when it is to be robbed.
fn watch(m: &'static M, p: &'static P, victim: &'static P) -> bool {
    let start = clock::now();
    let (mut before, mut then, mut spawning) = (Progress::of(victim), start, start);
    let (mut quiet, mut stranded) = (0, before.glances_since(take_call(p, victim), start));
    if stranded >= STRANDED {
        return true;
    }
    loop {
        (0..GLANCE).for_each(|_| hint::spin_loop());
        let (progress, now) = (Progress::of(victim), clock::now());
        let backlog = u64::from(victim.ring.len());
        let ran = progress.switches.wrapping_sub(before.switches);
        let spawned = progress.spawned.wrapping_sub(before.spawned);
        let elapsed = now - then;
        match (ran, spawned) {
            (0, 0) => {
                let waits = victim.has_work();
                (quiet, stranded) = if waits { (0, stranded + 1) } else { (quiet + 1, 0) };
                if backlog > 1 || stranded >= STRANDED {
                    return true;
                }
                let leaves = quiet == QUIET || p.worth.pays() || wanted_elsewhere(m, p, victim);
                if !waits && leaves || now - start > WATCH {
                    return false;
                }
                then = now;
                continue;
            }
            (0, _) if now - spawning > SPAWNING => return backlog > 1,
            (0, _) => {}
            (_, 0) if elapsed > ran * COARSE || elapsed * backlog > ran * DRAINED => {
                return backlog > 1;
            }
            _ => spawning = now,
        }
        (quiet, stranded) = (0, 0);
        p.worth.observe(elapsed / (ran + spawned));
        if now - start > WATCH {
            return backlog > 1;
        }
        if p.worth.pays() || p.timers.earliest() <= now || wanted_elsewhere(m, p, victim) {
            return false;
        }
        (before, then) = (progress, now);
    }
}

/// Whether there is anything but `victim` to look at. Whoever publishes work trusts the thief, since it counts as searching.
fn wanted_elsewhere(m: &'static M, p: &P, victim: &P) -> bool {
    let sched = m.sched;
    let mut others = (0..sched.procs()).filter(|&i| i != p.index && i != victim.index);
    sched.waiting() > 0
        || sched.is_stopping()
        || sched.nobody_watches()
        || others.any(|i| sched.proc(i).has_work())
}

/// How far a P has come, as far as others see it.
#[derive(Clone, Copy, PartialEq)]
struct Progress {
    switches: u64,
    spawned: u64,
}

impl Progress {
    fn of(victim: &P) -> Progress {
        Progress {
            switches: victim.counters.switches.get(),
            spawned: victim.counters.spawned.get(),
        }
    }

    /// Glances that a victim, which has come so far `now`, has let pass without getting on since its `call`.
    fn glances_since(self, call: Option<Call>, now: u64) -> u32 {
        let Some(call) = call.filter(|call| call.progress == self) else { return 0 };
        let glances = now.saturating_sub(call.at) / GLANCE_NANOS;
        u32::try_from(glances).map_or(STRANDED, |glances| glances.min(STRANDED))
    }
}

/// What `victim` has noted when it woke `p`, once.
fn take_call(p: &P, victim: &P) -> Option<Call> {
    let call = p.call.get().filter(|call| call.by == victim.index);
    call.inspect(|_| p.call.set(None))
}

/// What a P notes for the idle one that it has woken for its work.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    by: usize,
    progress: Progress,
    at: u64,
}

impl Call {
    /// By the caller's P, if it has one of `sched`.
    pub(crate) fn here(sched: &Scheduler) -> Option<Call> {
        let p = current::m().filter(|m| ptr::eq(m.sched, sched))?.p()?;
        Some(Call { by: p.index, progress: Progress::of(p), at: clock::now() })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_has_called_and_not_got_on_is_helped_without_another_look() {
        let progress = Progress { switches: 7, spawned: 3 };
        let call = Some(Call { by: 1, progress, at: 1_000 });
        let glances = |nanos| progress.glances_since(call, 1_000 + nanos);
        assert_eq!(glances(GLANCE_NANOS - 1), 0);
        assert_eq!(glances(GLANCE_NANOS), 1);
        assert_eq!(glances(2 * GLANCE_NANOS), STRANDED);
        assert_eq!(glances(u64::MAX / 2), STRANDED, "an old call is as true");
        let further = Progress { switches: 8, ..progress };
        assert_eq!(further.glances_since(call, 100_000), 0, "it has got on");
        assert_eq!(progress.glances_since(None, 100_000), 0);
    }

    #[test]
    fn a_call_is_kept_until_the_one_who_called_is_looked_at() {
        let [p, caller, other] = [0, 1, 2].map(|index| P::new(index, false));
        let call = Call { by: caller.index, progress: Progress::of(&caller), at: 0 };
        p.call.set(Some(call));
        assert!(take_call(&p, &other).is_none(), "another has called");
        assert!(take_call(&p, &caller).is_some());
        assert!(take_call(&p, &caller).is_none(), "once");
    }
}
