//! Who idles: the lists of idle Ps and Ms, and which M is woken.
//!
//! The steps of `idle.md` that take the lock are here. Who works with them: `sleep.rs`.

use std::ptr;

use crate::m::M;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;

/// Idle Ms of which one is chosen.
const LOOKED_AT: usize = 8;

/// Who idles. Under one lock: a P and the M that will take it are picked together.
pub(crate) struct Lists {
    /// Idle Ps, the last one to idle on top: its caches are warmest.
    ps: Vec<usize>,
    /// Idle Ms, linked through themselves, the last one on top.
    ms: *const M,
    /// The M that sleeps for the clock or the descriptors.
    pub(crate) watcher: Option<&'static M>,
    /// Ps that wait for a thread to be made, and whether it will be a searcher.
    pub(crate) orphans: Vec<(usize, bool)>,
    /// Ps out of service, since GOMAXPROCS was lowered.
    retired: Vec<usize>,
}

// SAFETY: Ms and Ps are shared freely; the list is guarded by its lock.
unsafe impl Send for Lists {}

impl Lists {
    /// Nobody idles. `procs` bounds the Ps, so that nothing grows in a critical section.
    pub(crate) fn new(procs: usize) -> Lists {
        Lists {
            ps: Vec::with_capacity(procs),
            ms: ptr::null(),
            watcher: None,
            orphans: Vec::with_capacity(procs),
            retired: Vec::with_capacity(procs),
        }
    }

    /// Puts an M among the idle ones; also back, if it was taken out and still sleeps.
    pub(crate) fn push_m(&mut self, m: &'static M) {
        m.idle_link.set(self.ms);
        self.ms = m;
    }

    /// Takes an idle M.
    pub(crate) fn pop_m(&mut self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        let m = unsafe { self.ms.as_ref() }?;
        self.ms = m.idle_link.get();
        Some(m)
    }

    /// Takes an idle M for somebody who goes on computing on `cpu`: one that went to sleep elsewhere, if there is one among
    /// the last few. The kernel wakes a thread where it slept: on Linux also if that CPU is busy and another idle, as it does
    /// not look for an idle one when the machine as a whole is used by a third or more (`SIS_UTIL`).
    pub(crate) fn pop_m_elsewhere(&mut self, cpu: Option<usize>) -> Option<&'static M> {
        let elsewhere = self.idle().take(LOOKED_AT).find(|m| m.idle_cpu.get() != cpu);
        match elsewhere {
            Some(m) if self.remove_m(m) => Some(m),
            _ => self.pop_m(),
        }
    }

    /// Takes this very M out; false when somebody else has.
    pub(crate) fn remove_m(&mut self, m: &'static M) -> bool {
        if ptr::eq(self.ms, m) {
            return self.pop_m().is_some();
        }
        let mut at = self.ms;
        // SAFETY: Ms are never freed.
        while let Some(here) = unsafe { at.as_ref() } {
            if ptr::eq(here.idle_link.get(), m) {
                here.idle_link.set(m.idle_link.get());
                return true;
            }
            at = here.idle_link.get();
        }
        false
    }

    /// Idle Ms, without the watcher.
    fn idle(&self) -> impl Iterator<Item = &'static M> + use<> {
        // SAFETY: Ms are never freed.
        let first: Option<&'static M> = unsafe { self.ms.as_ref() };
        // SAFETY: as above; the links are guarded by the lock around this.
        std::iter::successors(first, |m| unsafe { m.idle_link.get().as_ref() })
    }

    /// How many Ms sleep.
    pub(crate) fn idle_ms(&self) -> usize {
        self.idle().count() + usize::from(self.watcher.is_some())
    }

    /// Whether any M idles.
    pub(crate) fn has_m(&self) -> bool {
        !self.ms.is_null()
    }

    /// How many Ps wait for a thread.
    pub(crate) fn orphans(&self) -> usize {
        self.orphans.len()
    }

    /// A P that waits for a thread.
    pub(crate) fn pop_orphan(&mut self) -> Option<(usize, bool)> {
        self.orphans.pop()
    }

    /// Takes an idle P.
    pub(crate) fn pop_p(&mut self, sched: &'static Scheduler) -> Option<&'static P> {
        let index = self.ps.pop()?;
        sched.idle.retract();
        Some(sched.proc(index))
    }

    /// Puts a P among the idle ones (I1).
    pub(crate) fn push_p(&mut self, sched: &'static Scheduler, p: &'static P) {
        // Release: for the monitor and shutdown, which look at who holds it.
        p.m.store(ptr::null_mut(), Ordering::Release);
        self.ps.push(p.index);
        sched.idle.announce();
    }

    /// Takes an idle P for an M in the middle of a goroutine; none from a runtime that stops, whose end takes this lock once it
    /// has said so, and then looks at who holds the Ps.
    pub(crate) fn take_p(&mut self, sched: &'static Scheduler) -> Option<&'static P> {
        if sched.is_stopping() { None } else { self.pop_p(sched) }
    }

    /// Takes idle Ps from `procs` on out of service.
    pub(crate) fn retire_ps_from(&mut self, sched: &'static Scheduler, procs: usize) {
        let Lists { ps, retired, .. } = self;
        ps.retain(|&index| {
            let stays = index < procs;
            if !stays {
                retired.push(index);
                sched.idle.retract();
            }
            stays
        });
    }

    /// Takes a P that nobody holds any more out of service; or back among the idle ones, when GOMAXPROCS has
    /// grown again meanwhile.
    pub(crate) fn retire_p(&mut self, sched: &'static Scheduler, p: &'static P) {
        if p.index < sched.procs() {
            return self.push_p(sched, p);
        }
        // Release: nobody holds it.
        p.m.store(ptr::null_mut(), Ordering::Release);
        self.retired.push(p.index);
    }

    /// Puts retired Ps below `procs` into service again.
    pub(crate) fn revive_ps_below(&mut self, sched: &'static Scheduler, procs: usize) {
        while let Some(at) = self.retired.iter().position(|&index| index < procs) {
            let index = self.retired.swap_remove(at);
            self.push_p(sched, sched.proc(index));
        }
    }

    /// Whether nobody has a P: each is idle or out of service. One that is to be retired may still run a goroutine.
    pub(crate) fn all_idle(&self, sched: &Scheduler) -> bool {
        self.ps.len() + self.retired.len() == sched.created()
    }

    /// Whether `m` is the one that watches.
    pub(crate) fn watched_by(&self, m: &'static M) -> bool {
        self.watcher.is_some_and(|watcher| ptr::eq(watcher, m))
    }

    /// Whether somebody sleeps for the clock or the descriptors.
    pub(crate) fn has_watcher(&self) -> bool {
        self.watcher.is_some()
    }
}
