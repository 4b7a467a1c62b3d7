//! The scheduler: all Ps and Ms of one runtime, and what they share.
//!
//! One runs per process at a time. Schedulers are never freed: goroutines that were parked when the main
//! goroutine returned keep pointing to theirs; making such a goroutine ready puts it into a queue that nobody
//! looks at any more.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::time::Duration;

use gmp_context::StackPool;

use crate::blocking;
use crate::bubble;
use crate::clock;
use crate::config::{self, Config, MAX_PROCS};
use crate::credits::{self, Begun};
use crate::critical::critical;
use crate::debugger;
use crate::fatal;
use crate::freeze::Freezer;
use crate::g::{G, GoId};
use crate::idle::Idle;
use crate::idlers::Lists;
use crate::lock::Lock;
use crate::m::M;
use crate::metrics::Counter;
use crate::monitor::Monitor;
use crate::p::P;
use crate::post::Post;
use crate::queue::global::Global;
use crate::queue::list::List;
use crate::queue::tied::Tied;
use crate::spawner::Spawner;
use crate::sync::plain::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use crate::sys;
use crate::timers::Timers;
use crate::trace::{self, TraceKind};
use crate::wait::{Kind, WaitReason, Waiter};

/// Stacks of all runtimes of the process.
pub(crate) static STACKS: StackPool = StackPool::new();

/// The runtime that runs now.
static RUNNING: AtomicPtr<Scheduler> = AtomicPtr::new(ptr::null_mut());

/// Everything the Ms of a runtime share.
pub(crate) struct Scheduler {
    pub(crate) config: Config,
    /// Logarithm of the default stack's reserve in bytes.
    pub(crate) stack_class: u8,
    /// The time slice in nanoseconds.
    pub(crate) slice: u64,
    pub(crate) stacks: &'static StackPool,
    /// Where the runtime's threads may run, if that is known.
    pub(crate) placing: Option<sys::Placing>,
    ps: Box<[OnceLock<Box<P>>]>,
    /// Ps that exist; those from `procs` on are out of service.
    created: AtomicUsize,
    procs: AtomicUsize,
    pub(crate) global: Global<G>,
    pub(crate) tied: Tied,
    /// How many Ps are deserted.
    pub(crate) deserted: AtomicUsize,
    pub(crate) idle: Idle,
    pub(crate) lists: Lock<Lists>,
    pub(crate) monitor: Monitor,
    pub(crate) spawner: Spawner,
    /// Ms ever started.
    pub(crate) threads: AtomicUsize,
    /// Goroutines in blocking sections whose P was taken; one more while the monitor carries some.
    pub(crate) blocked: AtomicUsize,
    /// Open [`Finishing`](crate::stop::Finishing) sections.
    pub(crate) finishing: AtomicUsize,
    /// Whether the end is over (`stop.rs`): what goes on now is the monitor's to stop.
    pub(crate) stopped: AtomicBool,
    /// Where the watcher sleeps, and whose turn it is to poll.
    pub(crate) post: Post<M>,
    /// Polls so far.
    pub(crate) polls: Counter,
    pub(crate) wakeups: Counter,
    pub(crate) spawned_elsewhere: Counter,
    /// The number of the main goroutine.
    pub(crate) first_id: GoId,
    pub(crate) freezer: Freezer,
    stopping: AtomicBool,
    /// The main goroutine has begun and not ended.
    pub(crate) main_runs: AtomicBool,
    /// The main goroutine has called `goexit`.
    pub(crate) main_exited: AtomicBool,
    /// Threads of the runtime that have begun and not ended.
    pub(crate) live_threads: AtomicUsize,
}

impl Scheduler {
    /// A scheduler with `config.procs` idle Ps and no threads.
    ///
    /// # Errors
    ///
    /// When a stack size is out of bounds.
    pub(crate) fn new(config: Config) -> io::Result<&'static Scheduler> {
        debugger::keep();
        let mut config = config;
        let stack_class = config::class_of(config.stack_size)?;
        config.stack_size = 1 << stack_class;
        config.main_stack_size = 1 << config::class_of(config.main_stack_size)?;
        let sched: &'static Scheduler = Box::leak(Box::new(Scheduler {
            slice: u64::try_from(config.time_slice.as_nanos()).unwrap_or(u64::MAX),
            stack_class,
            stacks: &STACKS,
            placing: sys::Placing::current(),
            ps: (0..MAX_PROCS).map(|_| OnceLock::new()).collect(),
            created: AtomicUsize::new(0),
            procs: AtomicUsize::new(config.procs.clamp(1, MAX_PROCS)),
            global: Global::new(),
            tied: Tied::new(),
            deserted: AtomicUsize::new(0),
            idle: Idle::new(),
            lists: Lock::new(Lists::new(MAX_PROCS)),
            monitor: Monitor::new(),
            spawner: Spawner::new(),
            threads: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            finishing: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            post: Post::new(),
            polls: Counter::default(),
            wakeups: Counter::default(),
            spawned_elsewhere: Counter::default(),
            first_id: credits::next_id(),
            freezer: Freezer::new(),
            stopping: AtomicBool::new(false),
            main_runs: AtomicBool::new(false),
            main_exited: AtomicBool::new(false),
            live_threads: AtomicUsize::new(0),
            config,
        }));
        sched.create_procs(sched.procs())?;
        Ok(sched)
    }

    /// The running scheduler.
    ///
    /// # Panics
    ///
    /// When none runs.
    #[track_caller]
    pub(crate) fn current() -> &'static Scheduler {
        match Scheduler::try_current() {
            Some(sched) => sched,
            None => panic!(
                "no gmp runtime is running: start one with `#[gmp::main(unsafe)]` or `unsafe {{ gmp::run(..) }}`"
            ),
        }
    }

    /// The running scheduler, if one runs.
    pub(crate) fn try_current() -> Option<&'static Scheduler> {
        if let Some(m) = crate::current::m() {
            return Some(m.sched);
        }
        // Acquire: pairs with Release in `set_running`.
        // SAFETY: schedulers are never freed.
        unsafe { RUNNING.load(Ordering::Acquire).as_ref() }
    }

    /// Makes `sched`, or none, the one that foreign threads find.
    pub(crate) fn set_running(sched: Option<&'static Scheduler>) {
        let raw = sched.map_or(ptr::null_mut(), |s| ptr::from_ref(s).cast_mut());
        RUNNING.store(raw, Ordering::Release); // Release: pairs with Acquire in `try_current`.
    }

    /// GOMAXPROCS.
    #[inline]
    pub(crate) fn procs(&self) -> usize {
        // Relaxed: whoever acts on an old figure is corrected when it looks for work next.
        self.procs.load(Ordering::Relaxed)
    }

    /// Ps that exist.
    #[inline]
    pub(crate) fn created(&self) -> usize {
        // Acquire: pairs with Release in `create_procs`.
        self.created.load(Ordering::Acquire)
    }

    /// The P with this number, which must exist.
    #[inline]
    pub(crate) fn proc(&'static self, index: usize) -> &'static P {
        match self.ps[index].get() {
            Some(p) => p,
            None => fatal::abort("a processor was asked for that does not exist"),
        }
    }

    /// Whether the main goroutine has returned.
    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        // Relaxed: those who must see it at once are woken after it was set; who takes a P looks behind a fence (`M::set_p`).
        self.stopping.load(Ordering::Relaxed)
    }

    /// Says that it has, and makes every sleeper look.
    pub(crate) fn begin_stop(&'static self) {
        // SeqCst: before the wakes below, after which sleepers look at it.
        self.stopping.store(true, Ordering::SeqCst);
        // SeqCst fence: pairs with the one in `M::set_p`. Who takes a P, and looks after that, sees this; or the look at the Ps
        // behind this sees who has taken it.
        fence(Ordering::SeqCst);
    }

    fn create_procs(&'static self, procs: usize) -> io::Result<()> {
        let fenced = self.monitor.may_retake(self);
        for index in self.created()..procs {
            self.reserve_stacks(self.config.stack_size, crate::p::STACK_CACHE + 1)?;
            let p = self.ps[index].get_or_init(|| Box::new(P::new(index, fenced)));
            // Release: pairs with Acquire in `created`.
            self.created.store(index + 1, Ordering::Release);
            self.lists.lock().retire_p(self, p);
        }
        Ok(())
    }

    /// Changes GOMAXPROCS; returns the previous one. Not in critical sections.
    pub(crate) fn set_procs(&'static self, procs: usize) -> usize {
        static CHANGE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let procs = procs.clamp(1, MAX_PROCS);
        let _one_at_a_time =
            blocking::blocking(|| CHANGE.lock().unwrap_or_else(|e| e.into_inner()));
        // Before anybody can look for them by number.
        if let Err(e) = self.create_procs(procs) {
            panic!("cannot add processors: {e}");
        }
        let before = self.procs.swap(procs, Ordering::Relaxed); // Relaxed: see `procs`.
        let mut lists = self.lists.lock();
        lists.retire_ps_from(self, procs);
        lists.revive_ps_below(self, procs);
        drop(lists);
        // The busy ones lay theirs down at their next look; those that compute are asked to.
        (procs..before).for_each(|i| self.proc(i).preempt.store(true, Ordering::Relaxed)); // Relaxed: a request.
        (before..procs).for_each(|_| self.published());
        self.monitor.poke();
        before
    }

    /// Takes a P out of service: what waits there goes to the global queue. On g0 of the M that holds it.
    pub(crate) fn retire(&'static self, m: &'static M, p: &'static P) {
        let mut left = List::new();
        if let Some(g) = m.pending.take() {
            left.push(g);
        }
        while let Some(g) = p.take_next().or_else(|| p.pop()) {
            left.push(g);
        }
        if m.searching.replace(false) {
            let _ = self.idle.leave_search();
        }
        // First, while the P is seen to be held: whoever looks for a deadlock must find them somewhere.
        self.inject_all(&mut left);
        m.set_p(None);
        self.lists.lock().retire_p(self, p);
    }

    /// Appends to the ring of `p`, which the calling M holds; the overflow goes to the global queue.
    #[inline]
    pub(crate) fn push_local(&'static self, p: &'static P, g: NonNull<G>) {
        self.push_as(p, g, false);
    }

    /// As `push_local`; `fresh` says that it has not begun.
    #[inline]
    pub(crate) fn push_as(&'static self, p: &'static P, g: NonNull<G>, fresh: bool) {
        if let Some(mut spilled) = p.push(g, fresh) {
            self.global.push_all(&mut spilled);
        }
    }

    /// Makes `g` runnable from where no P is at hand.
    pub(crate) fn inject(&'static self, g: NonNull<G>) {
        self.global.push(g);
        self.published();
    }

    /// Makes all of them runnable.
    pub(crate) fn inject_all(&'static self, list: &mut List<G>) {
        let n = list.len();
        if n > 0 {
            self.global.push_all(list);
            (0..n.min(self.procs())).for_each(|_| self.published());
        }
    }

    /// Runs `f`, in which the monitor carries goroutines from one place to another. It has no P, so whoever looks for a deadlock
    /// meanwhile would find nobody that runs and nobody that waits.
    pub(crate) fn carrying<T>(&self, f: impl FnOnce() -> T) -> T {
        // AcqRel, both: pairs with Acquire in `is_quiet`, which looks twice: who has seen the queues before and this behind it
        // sees the second time what was carried.
        self.blocked.fetch_add(1, Ordering::AcqRel);
        let done = f();
        self.blocked.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        done
    }

    /// Puts a new goroutine where it runs next, and wakes somebody for it: it is work for two.
    pub(crate) fn launch(&'static self, g: NonNull<G>) {
        let section = critical();
        let here = section.m().filter(|m| ptr::eq(m.sched, self) && m.p().is_some());
        if let Some(m) = here {
            std::mem::forget(section);
            return Begun::on(m, g).launch();
        }
        // SAFETY: not launched yet, so the caller's.
        let header = unsafe { g.as_ref() };
        header.launched();
        if let Some(m) = section.m() {
            trace::note(m, TraceKind::Spawn, header.id());
        }
        self.spawned_elsewhere.bump_shared();
        self.inject(g);
    }

    /// The heap that the caller's timers go into.
    pub(crate) fn timers_here(&'static self) -> &'static Timers {
        let section = critical();
        let bubble = bubble::timers_of(bubble::current_bubble());
        bubble.unwrap_or(&section.m().and_then(M::p).unwrap_or_else(|| self.proc(0)).timers)
    }

    /// Gives `m`, in the middle of a goroutine, an idle P, if there is one and the runtime does not stop.
    pub(crate) fn take_idle_p(&'static self, m: &'static M) -> bool {
        let mut lists = self.lists.lock();
        let p = lists.take_p(self);
        if let Some(p) = p {
            m.set_p(Some(p));
        }
        drop(lists);
        self.monitor.poke_if_asleep();
        p.is_some()
    }

    /// Whether an idle M ought to watch the clock or the descriptors, and none does.
    pub(crate) fn nobody_watches(&'static self) -> bool {
        // A hint: looked at again a millisecond later.
        self.post.is_vacant()
            && (self.config.driver.is_some_and(|d| d.waiting() > 0)
                || self.earliest_timer() != clock::NEVER)
    }

    /// Readiness that is there already, unless nobody waits for any or somebody else polls.
    pub(crate) fn poll_now(&'static self) -> Option<List<G>> {
        let driver = self.config.driver?;
        if driver.waiting() == 0 || self.post.polls() {
            return None;
        }
        let mut ready = List::new();
        self.poll(|| Some(Duration::ZERO), &mut ready).then_some(ready)
    }

    /// Polls; false when somebody else does, or the runtime stops.
    fn poll(
        &'static self,
        timeout: impl FnOnce() -> Option<Duration>,
        ready: &mut List<G>,
    ) -> bool {
        let Some(driver) = self.config.driver else { return false };
        let poll = || {
            self.polls.bump();
            driver.poll(timeout(), &mut |waiter: Waiter| match waiter.kind() {
                Kind::Goroutine(g) => {
                    // SAFETY: just readied, so alive.
                    let header = unsafe { g.as_ref() };
                    header.set_reason(WaitReason::Yield);
                    if ptr::eq(header.sched, self) {
                        ready.push(g);
                    } else {
                        // The poller is the process's, and this one left over from a runtime that has ended: it rests there.
                        header.sched.inject(g);
                    }
                }
                // SAFETY: the driver passes each waiter once per park.
                Kind::Thread(_) => unsafe { waiter.ready() },
            });
        };
        self.post.poll(|| self.is_stopping(), poll)
    }

    /// The watcher's sleep: in the poller, or until `until`. It does not sleep if `disturbed` when nobody else polls (V3).
    pub(crate) fn wait_for_events(
        &'static self,
        m: &'static M,
        until: u64,
        disturbed: impl FnOnce() -> bool,
        ready: &mut List<G>,
    ) {
        let timeout = || if disturbed() { Some(Duration::ZERO) } else { clock::until(until) };
        match self.config.driver {
            Some(_) if self.poll(timeout, ready) => {}
            // Somebody polls without waiting at this very moment: try again.
            Some(_) => sys::cpu_yield(),
            None => _ = m.parker.park_timeout(clock::until(until)),
        }
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("procs", &self.procs).finish_non_exhaustive()
    }
}
