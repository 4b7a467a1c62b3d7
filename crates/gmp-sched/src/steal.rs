//! Taking work from other Ps: half of the first backlog that is found, in random order.
//!
//! A victim's `next` is the goroutine that it is about to run: taking it too early only moves it away from
//! its data, and a ping-pong pair would be torn apart. So it is taken last, and only if the victim has
//! dispatched nothing for a few microseconds (Go sleeps 3 µs there): then its goroutine computes on, and
//! would strand it.

use std::hint;
use std::ptr::NonNull;

use crate::find;
use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::queue::local::Batch;
use crate::sync::plain::Ordering;

/// Pauses during which a victim must not have dispatched: 3 to 5 µs, fifty times a channel operation.
const NEXT_PATIENCE: u32 = 128;

/// Tries every other P once, then their `next`s. On g0; joins the search, unless enough search already.
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
    victims().find_map(|v| rob(m, p, v)).or_else(|| victims().find_map(|v| take_stranded(p, v)))
}

/// Half of `victim`'s ring, or what its due timers make ready.
fn rob(m: &'static M, p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    let mut batch = Batch::new();
    if victim.ring.is_empty() || victim.ring.steal_half(&mut batch) == 0 {
        find::run_timers(m, p, victim);
        return p.take_next().or_else(|| p.pop());
    }
    let mut loot = batch.drain();
    let first = loot.next();
    let mut n = 1;
    for g in loot {
        m.sched.push_local(p, g);
        n += 1;
    }
    p.counters.steals.bump();
    p.counters.stolen.add(n);
    first
}

/// `victim`'s `next`, if it has been waiting for a goroutine that computes.
fn take_stranded(p: &'static P, victim: &'static P) -> Option<NonNull<G>> {
    // Relaxed: compared only; `take_next` synchronises.
    let next = victim.next.load(Ordering::Relaxed);
    if next.is_null() {
        return None;
    }
    let before = victim.counters.switches.get();
    (0..NEXT_PATIENCE).for_each(|_| hint::spin_loop());
    // Relaxed: as above.
    if victim.counters.switches.get() != before || victim.next.load(Ordering::Relaxed) != next {
        return None;
    }
    let g = victim.take_next()?;
    p.counters.steals.bump();
    p.counters.stolen.bump();
    Some(g)
}
