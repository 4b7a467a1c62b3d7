//! Hogs: goroutines that compute for long without a call into the runtime.
//!
//! Somebody who looks now and then finds them without the help of the fast path. It leaves a mark on an M's hold of its P,
//! which the next call into the runtime wipes off, and counts (`hold.rs`, E5). A count that stands still says that there was
//! none; the thread's CPU clock says how much it has computed. Being stopped takes the mark off without counting; who is
//! let go on is marked again.

use std::collections::HashMap;
use std::panic::Location;
use std::time::Duration;

use crate::g::{Described, G, GoId};
use crate::m::M;
use crate::on_thread::{self, OnThread};
use crate::scheduler::Scheduler;
use crate::wait::WaitReason;

/// A stopped goroutine is about to go on, on `m`, which has a P again.
pub(crate) fn goes_on(m: &M) {
    m.hold.mark();
}

/// A goroutine that has computed for longer than it should.
#[derive(Debug)]
#[non_exhaustive]
pub struct Hog<'a> {
    /// Its number.
    pub id: GoId,
    /// Its name, up to 64 bytes; empty if it has none.
    pub name: &'a [u8],
    /// CPU time since its last call into the runtime, at least.
    pub computed: Duration,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it; 0 for a plain thread.
    pub parent: GoId,
    /// The bubble it belongs to; 0 for none.
    pub bubble: u16,
    /// Where it is, and its stack.
    pub thread: &'a OnThread<'a>,
}

/// Who looks for hogs.
#[derive(Debug)]
pub struct HogWatch {
    limit: u64,
    /// What was seen of the goroutine on each M, by the M's number.
    seen: HashMap<usize, Seen>,
    /// A copy of a hog's stack.
    stack: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    g: GoId,
    /// When it began to run.
    since: u64,
    /// Its thread's CPU clock when it had called the runtime last, at the earliest.
    first: u64,
    wiped: u32,
    told: bool,
}

impl HogWatch {
    /// For goroutines that compute for longer than `limit`. Times are good to 10 ms.
    pub fn new(limit: Duration) -> HogWatch {
        HogWatch {
            limit: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX),
            seen: HashMap::new(),
            stack: Vec::new(),
        }
    }

    /// Looks at every thread of the running runtime, and passes on each hog once. To be called several times in `limit`, on
    /// a plain thread. Allocates; blocks the thread while a hog's thread copies its stack, and while a dump is made. `found`
    /// may take locks and make dumps.
    pub fn look(&mut self, found: &mut dyn FnMut(&Hog<'_>)) {
        let Some(sched) = Scheduler::try_current() else { return self.seen.clear() };
        let mut hogs = Vec::new();
        on_thread::for_each(sched, &mut |m| {
            hogs.extend(self.look_at(sched, m).map(|hog| (m, hog)));
        });
        for (m, (described, computed)) in hogs {
            tell(sched, m, &described, computed, &mut self.stack, found);
        }
    }

    fn look_at(&mut self, sched: &Scheduler, m: &'static M) -> Option<(Described, u64)> {
        let computing =
            |seen: &Described| matches!(seen.state, WaitReason::None | WaitReason::Preempted);
        // SAFETY: slots are never freed.
        let described = m.seen_g().and_then(|g| unsafe { G::describe(g) }).filter(computing);
        let Some((now, cpu)) = described.zip(sched.cpu_time(m)) else {
            self.seen.remove(&m.id);
            return None;
        };
        let wiped = m.hold.wiped();
        let fresh = Seen { g: now.id, since: now.since, first: cpu, wiped, told: false };
        let seen = self.seen.entry(m.id).or_insert(fresh);
        if (seen.g, seen.since, seen.wiped) != (now.id, now.since, wiped) {
            *seen = fresh;
        }
        let computed = cpu.saturating_sub(seen.first);
        let hog = computed >= self.limit && !seen.told;
        seen.told |= hog;
        m.hold.mark();
        hog.then_some((now, computed))
    }
}

fn tell(
    sched: &'static Scheduler,
    m: &'static M,
    described: &Described,
    computed: u64,
    stack: &mut Vec<u64>,
    found: &mut dyn FnMut(&Hog<'_>),
) {
    let mut name = [0; 64];
    let len = m.seen_g().map_or(0, |g| {
        // SAFETY: slots are never freed.
        unsafe { G::copy_name(g, described.id, &mut name) }
    });
    stack.clear();
    stack.reserve(on_thread::WORDS);
    let mut seen = None;
    on_thread::visit_one(sched, m, &mut |thread| {
        // There is room: nothing is allocated while the studio is held.
        stack.extend_from_slice(thread.stack);
        seen = Some((thread.id, thread.asleep, thread.at, thread.frame_pointer));
    });
    // The studio is free again: `found` may take any lock.
    // It may have gone on meanwhile.
    let seen = seen.filter(|seen| seen.0 == described.id);
    let Some((id, asleep, at, frame_pointer)) = seen else { return };
    found(&Hog {
        id,
        name: &name[..len],
        computed: Duration::from_nanos(computed),
        spawned_at: described.spawned_at,
        parent: described.parent,
        bubble: described.bubble,
        thread: &OnThread { id, asleep, at, frame_pointer, stack },
    });
}
