//! Taking work from other Ps: half of the first backlog that is found, in random order.
//!
//! What a victim is about to run is taken last: its `next`, and the only goroutine of its ring. Taking that too early
//! moves it away from its data, tears a ping-pong pair apart, and makes who spawns one goroutine and waits for it
//! chase it from core to core. So a thief takes it only if the victim has dispatched nothing for some microseconds
//! (Go sleeps 3 µs before it takes `runnext`): then the victim computes on, and would strand it.

use std::hint;
use std::ptr::NonNull;

use crate::find;
use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::queue::local::Batch;
use crate::trace::{self, TraceKind};

/// Pauses during which a victim must not have dispatched: about 10 µs, a hundred times a spawn and a join. While a thief
/// waits here it counts as searching, so nobody is woken in vain meanwhile; much less, and a loop that spawns one
/// goroutine at a time pays for a futex wake every few turns. Five times as much would break the promise that a
/// goroutine beside a long computation starts within 50 µs.
const PATIENCE: u32 = 384;

/// Tries the backlog of every other P once, then what they are about to run. On g0; joins the search, unless enough search already.
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
    let start = m.random() as usize % procs;
    let victims =
        || (0..procs).map(|i| sched.proc((start + i) % procs)).filter(|v| v.index != p.index);
    victims().find_map(|v| rob(m, p, v)).or_else(|| victims().find_map(|v| take_stranded(m, p, v)))
}

/// Half of `victim`'s ring, if that is a backlog, or what its due timers make ready.
fn rob(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    if victim.ring.len() > 1 {
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
    first.inspect(|&g| note_stolen(m, g))
}

/// For a trace.
fn note_stolen(m: &M, g: NonNull<G>) {
    // SAFETY: just taken out of a queue.
    trace::note(m, TraceKind::Steal, unsafe { g.as_ref() }.id());
}

/// What `victim` is about to run, if that has been waiting for a goroutine that computes.
fn take_stranded(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    let before = About::to_run(victim)?;
    // Without looking: each look takes a cache line away from the victim, which writes it at every switch.
    (0..PATIENCE).for_each(|_| hint::spin_loop());
    if About::to_run(victim)? != before {
        return None;
    }
    if before.next.is_null() {
        return take_half(m, p, victim);
    }
    let g = victim.steal_next(|| m.sched.config.preempt.is_some_and(|p| p.barrier()))?;
    p.counters.steals.bump();
    p.counters.stolen.bump();
    note_stolen(m, g);
    Some(g)
}

/// What a P is about to run, as far as others see it.
#[derive(PartialEq, Eq)]
struct About {
    next: *mut G,
    in_ring: bool,
    switches: u64,
}

impl About {
    fn to_run(victim: &P) -> Option<About> {
        let next = victim.next.peek();
        let in_ring = !victim.ring.is_empty();
        let switches = victim.counters.switches.get();
        (in_ring || !next.is_null()).then_some(About { next, in_ring, switches })
    }
}
