//! How an M goes to sleep and wakes: the lists of idle Ps and Ms, and the one that watches.
//!
//! The steps W5 and I1 to I5 of `idle.md` are here. Of the sleeping Ms one *watches*: it sleeps in the
//! poller, or until the first timer of any P, instead of in its parker. It is not in the list of idle Ms;
//! when all others are busy it is given a P like them, and poked.

use std::ptr::{self, NonNull};

use crate::clock;
use crate::find;
use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::queue::list::List;
use crate::scheduler::Scheduler;
use crate::steal::Call;
use crate::sync::plain::Ordering;
use crate::sys;
use crate::wait::{Kind, Waiter};

/// Idle Ms of which one is chosen.
const LOOKED_AT: usize = 8;

/// Who idles. Under one lock: a P and the M that will take it are picked together.
pub(crate) struct Lists {
    /// Idle Ps, the last one to idle on top: its caches are warmest.
    ps: Vec<usize>,
    /// Idle Ms, linked through themselves, the last one on top.
    ms: *const M,
    watcher: Option<&'static M>,
    /// Ps that wait for a thread to be made, and whether it will be a searcher.
    orphans: Vec<(usize, bool)>,
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

    /// Puts back an M that was taken out and still sleeps.
    pub(crate) fn return_m(&mut self, m: &'static M) {
        self.push_m(m);
    }

    fn push_m(&mut self, m: &'static M) {
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
    fn pop_m_elsewhere(&mut self, cpu: Option<usize>) -> Option<&'static M> {
        let elsewhere = self.idle().take(LOOKED_AT).find(|m| m.idle_cpu.get() != cpu);
        match elsewhere {
            Some(m) if self.remove_m(m) => Some(m),
            _ => self.pop_m(),
        }
    }

    /// Takes this very M out; false when somebody else has.
    fn remove_m(&mut self, m: &'static M) -> bool {
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
    fn pop_p(&mut self, sched: &'static Scheduler) -> Option<&'static P> {
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
    fn watched_by(&self, m: &'static M) -> bool {
        self.watcher.is_some_and(|watcher| ptr::eq(watcher, m))
    }

    /// Whether somebody sleeps for the clock or the descriptors.
    pub(crate) fn has_watcher(&self) -> bool {
        self.watcher.is_some()
    }
}

impl Scheduler {
    /// W2 to W5: call after putting a goroutine where others can find it.
    #[inline]
    pub(crate) fn published(&'static self) {
        if self.idle.published() == crate::idle::Published::Wake {
            self.wake_searcher();
        }
    }

    /// W5.
    #[cold]
    fn wake_searcher(&'static self) {
        loop {
            let mut lists = self.lists.lock();
            if let Some(p) = lists.pop_p(self) {
                p.call.set(Call::here(self));
                let m = lists.pop_m_elsewhere(sys::current_cpu());
                self.give_to(&mut lists, m, p, true);
                drop(lists);
                self.wakeups.bump_shared();
                return self.monitor.poke_if_asleep();
            }
            drop(lists);
            if !self.idle.give_up_search() {
                return;
            }
        }
    }

    /// Gives `p` to an M that idles, or has one made.
    pub(crate) fn give(&'static self, lists: &mut Lists, p: &'static P, searching: bool) {
        let m = lists.pop_m();
        self.give_to(lists, m, p, searching);
    }

    /// Gives `p` to `m`, else to the watcher, else to a new M.
    fn give_to(
        &'static self,
        lists: &mut Lists,
        m: Option<&'static M>,
        p: &'static P,
        searching: bool,
    ) {
        let m = match m {
            Some(m) => m,
            None => match lists.watcher.take() {
                Some(m) => m,
                None => {
                    lists.orphans.push((p.index, searching));
                    return self.spawner.wake();
                }
            },
        };
        hand(m, p, searching);
        self.poke(m);
    }

    /// Wakes an M wherever it sleeps. The poller's wake is only needed if it may be the watcher.
    fn poke(&self, m: &M) {
        m.parker.notify();
        if self.post.is_at(m) {
            if let Some(driver) = self.config.driver {
                driver.wake();
            }
        }
    }

    /// A timer was armed for `at` from outside a P: the watcher may have to wake earlier.
    pub(crate) fn timer_armed(&'static self, at: u64) {
        if self.post.sleeps_past(at) {
            self.poke_watcher();
        }
        self.monitor.poke_if_asleep();
    }

    pub(crate) fn poke_watcher(&'static self) {
        let watcher = self.lists.lock().watcher;
        if let Some(m) = watcher {
            self.poke(m);
        }
    }

    /// When the first timer of any P is due.
    pub(crate) fn earliest_timer(&'static self) -> u64 {
        (0..self.created()).map(|i| self.proc(i).timers.earliest()).min().unwrap_or(clock::NEVER)
    }

    /// I4: anything to do for an M that has no work of its own?
    pub(crate) fn work_anywhere(&'static self) -> bool {
        self.waiting() > 0
            || (0..self.created()).any(|i| !self.proc(i).ring.is_empty())
            || self.earliest_timer() <= clock::now()
    }

    /// Makes ready, on g0 with P `p`, what a timer has found: `next`, or behind what waits already.
    pub(crate) fn ready_on(&'static self, p: &'static P, waiter: Waiter, next: bool) {
        match waiter.kind() {
            Kind::Goroutine(g) if next => {
                // SAFETY: just readied, so alive.
                unsafe { g.as_ref() }.readied();
                if let Some(displaced) = p.put_next(g) {
                    self.push_local(p, displaced);
                }
            }
            Kind::Goroutine(g) => {
                // SAFETY: as above.
                unsafe { g.as_ref() }.readied();
                self.push_local(p, g);
            }
            // SAFETY: passed on by the one who may ready it.
            Kind::Thread(_) => unsafe { waiter.ready() },
        }
    }
}

/// Leaves `p` for `m`, which sleeps, to find when it wakes.
pub(crate) fn hand(m: &'static M, p: &'static P, searching: bool) {
    // Relaxed: published by `next_p` and the wake.
    m.wake_searching.store(searching, Ordering::Relaxed);
    // Release: pairs with Acquire in `adopt`.
    m.next_p.store(ptr::from_ref(p).cast_mut(), Ordering::Release);
}

/// Takes what was handed over. Returns whether there was anything.
pub(crate) fn adopt(m: &'static M) -> bool {
    // Acquire: pairs with Release in `hand` and in the signal handler.
    let p = m.next_p.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: Ps are never freed while Ms live.
    let Some(p) = (unsafe { p.as_ref() }) else { return false };
    m.set_p(Some(p));
    // Relaxed: published with `next_p`.
    m.searching.set(m.wake_searching.swap(false, Ordering::Relaxed));
    // Relaxed: published with `next_p`.
    if let Some(g) = NonNull::new(m.next_g.swap(ptr::null_mut(), Ordering::Relaxed)) {
        m.pending.set(Some(g));
    }
    // Acquire: pairs with Release in the handler (`hand_over`).
    let stopped = m.stopped.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: Ms are never freed.
    if let Some(stopped) = unsafe { stopped.as_ref() } {
        crate::preempt::enqueue_stopped(m, p, stopped);
    }
    true
}

/// Sleeps until somebody hands `m` a P; false when the runtime stops. On g0 of an M that has none.
pub(crate) fn without_p(m: &'static M) -> bool {
    let sched = m.sched;
    m.end_long_use();
    let cpu = sys::current_cpu();
    let mut lists = sched.lists.lock();
    if let Some((index, searching)) = lists.pop_orphan() {
        drop(lists);
        hand(m, sched.proc(index), searching);
        return adopt(m);
    }
    if sched.is_stopping() {
        return false;
    }
    m.idle_cpu.set(cpu);
    lists.push_m(m);
    drop(lists);
    park(m)
}

/// I5, and its end.
fn park(m: &'static M) -> bool {
    loop {
        if adopt(m) {
            return true;
        }
        if m.sched.is_stopping() {
            return false;
        }
        m.parker.park();
        clock::tick();
    }
}

/// I1 to I5: `m` has found nothing to do. On return it has a P again, or none and must look once more.
pub(crate) fn with_p(m: &'static M, p: &'static P) {
    let sched = m.sched;
    m.end_long_use();
    let cpu = sys::current_cpu();
    let mut lists = sched.lists.lock();
    m.set_p(None);
    lists.push_p(sched, p); // I1
    m.idle_cpu.set(cpu);
    lists.push_m(m);
    drop(lists);
    if m.searching.replace(false) {
        let _ = sched.idle.leave_search(); // I2, S1
    }
    sched.idle.announced(); // I3
    if sched.work_anywhere() {
        // I4
        let mut lists = sched.lists.lock();
        if lists.remove_m(m) {
            if let Some(p) = lists.pop_p(sched) {
                drop(lists);
                m.set_p(Some(p));
                m.searching.set(sched.idle.try_search(sched.procs()));
                return;
            }
            lists.push_m(m);
        } else if !has_p(m) {
            drop(lists);
            sched.published();
        }
    }
    if try_watch(m) {
        return watch(m);
    }
    sched.check_deadlock();
    park(m);
}

/// Lays down the P of an M that ends.
pub(crate) fn lay_down(m: &'static M, p: &'static P) {
    if m.searching.replace(false) {
        let _ = m.sched.idle.leave_search();
    }
    m.set_p(None);
    // Release: pairs with Acquire in `Scheduler::stop`.
    p.m.store(ptr::null_mut(), Ordering::Release);
}

/// Becomes the watcher, if there is something to watch and nobody does. An M that does not watch makes sure
/// that the watcher does not oversleep.
fn try_watch(m: &'static M) -> bool {
    let sched = m.sched;
    let waiting = sched.config.driver.is_some_and(|d| d.waiting() > 0);
    let first = sched.earliest_timer();
    if !waiting && first == clock::NEVER {
        return false;
    }
    let mut lists = sched.lists.lock();
    if lists.watcher.is_none() {
        let mine = lists.remove_m(m);
        if mine {
            lists.watcher = Some(m);
        }
        return mine;
    }
    drop(lists);
    sched.timer_armed(first);
    false
}

/// Says that `m` watches, and until when; `None` if it does not any more, because somebody has handed it a P (V1).
fn announce_watch(m: &'static M) -> Option<u64> {
    let sched = m.sched;
    let lists = sched.lists.lock();
    if !lists.watched_by(m) {
        return None;
    }
    Some(sched.post.announce(ptr::from_ref(m).cast_mut(), || sched.earliest_timer()))
}

/// Sleeps until a descriptor is ready, a timer is due, or somebody needs this M (`post.rs`).
fn watch(m: &'static M) {
    let sched = m.sched;
    let mut found: List<G> = List::new();
    while let Some(until) = announce_watch(m) {
        let disturbed = || has_p(m) || sched.is_stopping() || sched.earliest_timer() < until;
        if !disturbed() {
            sched.wait_for_events(m, until, disturbed, &mut found);
        }
        sched.post.leave(ptr::from_ref(m).cast_mut());
        if sched.is_stopping()
            || !found.is_empty()
            || sched.earliest_timer() <= clock::now()
            || has_p(m)
        {
            break;
        }
    }
    let mut lists = sched.lists.lock();
    let free = lists.watched_by(m);
    if free || lists.watcher.is_none() {
        sched.post.vacate();
    }
    if free {
        lists.watcher = None;
        if sched.is_stopping() {
            return;
        }
        match lists.pop_p(sched) {
            Some(p) => m.set_p(Some(p)),
            None => lists.push_m(m),
        }
    }
    drop(lists);
    // Either it has a P now, or it idles like the others, or somebody has handed it one.
    if m.p().is_none() {
        sched.inject_all(&mut found);
        park(m);
        return;
    }
    sched.monitor.poke_if_asleep();
    if let Some(p) = m.p() {
        while let Some(g) = found.pop() {
            sched.push_local(p, g);
        }
        if let Some(backlog) = p.ring.len().checked_sub(1) {
            find::call_help(m, p, backlog);
        }
    }
}

fn has_p(m: &M) -> bool {
    // Relaxed: `adopt` synchronises.
    !m.next_p.load(Ordering::Relaxed).is_null()
}
