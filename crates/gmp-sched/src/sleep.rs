//! How an M goes to sleep and wakes, and the one that watches.
//!
//! The steps W5 and I1 to I5 of `idle.md` are here. Of the sleeping Ms one *watches*: it sleeps in the
//! poller, or until the first timer of any P, instead of in its parker. It is not in the list of idle Ms;
//! when all others are busy it is given a P like them, and poked.

use std::ptr;

use crate::clock;
use crate::find;
use crate::g::G;
use crate::handed::{self, Errand};
use crate::idlers::Lists;
use crate::m::M;
use crate::p::P;
use crate::preempt;
use crate::queue::list::List;
use crate::scheduler::Scheduler;
use crate::steal::Call;
use crate::sync::plain::Ordering;
use crate::sys;
use crate::wait::{Kind, Waiter};

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
        hand(m, p, errand(searching));
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
pub(crate) fn hand(m: &'static M, p: &'static P, errand: Errand<G, M>) {
    m.handed.put(ptr::from_ref(p).cast_mut(), errand);
}

fn errand(searching: bool) -> Errand<G, M> {
    if searching { Errand::Search } else { Errand::Run }
}

/// Takes what was handed over. Returns whether there was anything.
fn adopt(m: &'static M) -> bool {
    let Some((p, errand)) = m.handed.take() else { return false };
    // SAFETY: Ps are never freed while Ms live.
    let p: &'static P = unsafe { p.as_ref() };
    m.set_p(Some(p));
    m.searching.set(matches!(errand, Errand::Search));
    match errand {
        Errand::Goroutine(g) => m.pending.set(Some(g)),
        // SAFETY: Ms are never freed.
        Errand::Stopped(stopped) => preempt::enqueue_stopped(m, p, unsafe { stopped.as_ref() }),
        Errand::Run | Errand::Search => {}
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
        m.set_p(Some(sched.proc(index)));
        m.searching.set(searching);
        return true;
    }
    if sched.is_stopping() {
        return false;
    }
    m.idle_cpu.set(cpu);
    lists.push_m(m);
    drop(lists);
    park(m)
}

/// I5, and its end: sleeps until `m` has been handed a P; false when the runtime stops.
pub(crate) fn park(m: &'static M) -> bool {
    let sleep = || {
        m.parker.park();
        clock::tick();
    };
    handed::wait(|| adopt(m), || m.sched.is_stopping(), sleep)
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
    m.handed.is_full()
}
