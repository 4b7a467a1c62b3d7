//! Where to look for work, in order: the scheduler's policy on one screen.
//!
//! 1. what this M was told to look at;
//! 2. its P's timers;
//! 3. now and then, descriptors and the global queue;
//! 4. its own `next` and ring;
//! 5. the global queue;
//! 6. descriptors, without waiting;
//! 7. timers of Ps that are out of service, or deserted;
//! 8. other Ps' queues and timers.
//!
//! Then it goes idle.

use std::ptr::NonNull;

use crate::clock;
use crate::g::G;
use crate::idle::LeftSearch;
use crate::m::M;
use crate::os_thread;
use crate::p::P;
use crate::run::CHECK_EVERY;
use crate::scheduler::Scheduler;
use crate::sleep;
use crate::steal;
use crate::sync::plain::Ordering;

/// What an M found.
pub(crate) enum Found {
    /// Run this.
    Run(NonNull<G>),
    /// The runtime stops: end the thread.
    Stop,
}

/// Finds a goroutine for `m`, sleeping until there is one. On g0.
pub(crate) fn find(m: &'static M) -> Found {
    loop {
        // Relaxed: written by this thread.
        if m.locked.load(Ordering::Relaxed) && m.pending.get().is_none() {
            if os_thread::wait_for_turn(m) {
                continue;
            }
            return Found::Stop;
        }
        let Some(p) = m.p() else {
            if sleep::without_p(m) {
                continue;
            }
            return Found::Stop;
        };
        if m.sched.is_stopping() {
            sleep::lay_down(m, p);
            return Found::Stop;
        }
        if p.index >= m.sched.procs() {
            m.sched.retire(m, p);
            continue;
        }
        let first = m.pending.take().or_else(|| look_around(m, p));
        if first.is_none() {
            // What was made ready or spawned last goes on in the slice of the one who did it, so that a pair that plays
            // ping-pong, or a tree that grows, is one goroutine to the others, and its slice ends.
            if let Some(g) = p.next_in_slice() {
                leave_search(m);
                return Found::Run(g);
            }
        }
        let found = first
            .or_else(|| p.next_in_turn())
            .or_else(|| global(m, p))
            .or_else(|| {
                if p.pace.is_open() {
                    p.pace.end(clock::now(), p.counters.switches.get());
                }
                poll(m, p)
            })
            .or_else(|| run_left_behind(m, p).then(|| p.take_next().or_else(|| p.pop())).flatten())
            .or_else(|| steal::steal(m, p));
        match found {
            Some(g) => {
                leave_search(m);
                p.begin_slice();
                return Found::Run(g);
            }
            None => sleep::with_p(m, p),
        }
    }
}

/// A searcher has found something: the search goes on elsewhere (idle.md, S2).
fn leave_search(m: &M) {
    if m.searching.replace(false) && m.sched.idle.leave_search() == LeftSearch::Last {
        m.sched.published();
    }
}

/// Timers that are due; and, every 61st time, descriptors and the queue of those who have waited longest.
fn look_around(m: &'static M, p: &'static P) -> Option<NonNull<G>> {
    let d = p.dispatches.get();
    p.dispatches.set(d.wrapping_add(1));
    // Relaxed: a request of the monitor, seen soon enough; this M alone clears it.
    let asked = p.preempt.load(Ordering::Relaxed);
    if asked {
        m.sched.end_slice(p, || {
            // What would have run in the slice that is over goes behind the others.
            if let Some(g) = p.take_next() {
                m.sched.push_local(p, g);
            }
        });
    }
    // What has waited for its time is not made to wait for the slice of somebody from the global queue.
    let now_and_then = d % CHECK_EVERY == 0;
    let look = asked || now_and_then || m.sched.any_deserted();
    let left_behind = look && run_left_behind(m, p);
    if run_timers(m, p, p) || left_behind || !now_and_then {
        return None;
    }
    if let Some(g) = poll(m, p) {
        m.sched.push_local(p, g);
    }
    let g = m.sched.next_tied().or_else(|| m.sched.global.take(1).pop());
    p.counters.from_global.add(u64::from(g.is_some()));
    g
}

/// Fires what is due in `whose` heap; what that makes ready runs on `p`. Whether there was anything.
pub(crate) fn run_timers(m: &'static M, p: &'static P, whose: &'static P) -> bool {
    if whose.timers.earliest() == clock::NEVER {
        return false;
    }
    let mut first = true;
    let fired = whose.timers.run_due(clock::now(), &mut |waiter| {
        m.sched.ready_on(p, waiter, std::mem::take(&mut first));
    });
    if fired > 0 {
        // The first of them runs next; it has a slice of its own.
        p.begin_slice();
        p.counters.timers.add(fired as u64);
        m.sched.published();
    }
    fired > 0
}

/// Fires what is due in the heaps of Ps that are out of service or deserted: their timers stay where they are, since whoever
/// armed one knows its heap, and nobody else would look there. Whether there was anything.
fn run_left_behind(m: &'static M, p: &'static P) -> bool {
    // Not one after the other until something is found: each has waited.
    m.sched.unserved().fold(false, |any, whose| run_timers(m, p, whose) | any)
}

impl Scheduler {
    /// When the first timer of a P that is out of service or deserted is due.
    pub(crate) fn left_behind(&'static self) -> u64 {
        self.unserved().map(|p| p.timers.earliest()).min().unwrap_or(clock::NEVER)
    }
}

/// A fair share of the global queue: the first to run, the rest into the ring.
fn global(m: &'static M, p: &'static P) -> Option<NonNull<G>> {
    let sched = m.sched;
    if let Some(g) = sched.next_tied() {
        p.counters.from_global.bump();
        return Some(g);
    }
    let share = sched.global.len() / sched.procs() + 1;
    let mut batch = sched.global.take(share.min(crate::queue::local::CAPACITY as usize / 2));
    p.counters.from_global.add(batch.len() as u64);
    let first = batch.pop()?;
    while let Some(g) = batch.pop() {
        sched.push_local(p, g);
    }
    Some(first)
}

/// Readiness that is there already. At most one M polls at a time.
fn poll(m: &'static M, p: &'static P) -> Option<NonNull<G>> {
    let mut ready = m.sched.poll_now()?;
    p.counters.polls.bump();
    let first = ready.pop()?;
    while let Some(g) = ready.pop() {
        m.sched.push_local(p, g);
    }
    call_help(m, p, p.ring.len());
    Some(first)
}

/// `p` has got what the poller found, and `backlog` wait behind what it runs first: others are called if that takes long.
pub(crate) fn call_help(m: &'static M, p: &'static P, backlog: u32) {
    p.pace.begin(clock::now(), p.counters.switches.get());
    if p.pace.is_long(backlog.into()) {
        m.sched.published();
    }
}
