//! M: an OS thread that runs goroutines while it holds a P.
//!
//! Ms are never freed while the process lives: others may still hold their address (a waker that lost a
//! race, the signal handler). Each has a scheduler stack of its own, "g0": the thread's.

use std::cell::Cell;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use gmp_context::{Context, Stack};

use crate::awake;
use crate::frost::Waits;
use crate::g::G;
use crate::halted::Halted;
use crate::handed::{Ask, Handed};
use crate::hold::{Entered, Hold};
use crate::lost;
use crate::on_thread;
use crate::p::P;
use crate::parker::Parker;
use crate::scheduler::Scheduler;
use crate::spare::Spare;
use crate::sync::plain::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering, compiler_fence, fence,
};
use crate::sys::Use;
use crate::trace::{self, Ring};

/// An OS thread of the runtime.
#[repr(align(128))]
pub(crate) struct M {
    pub(crate) id: usize,
    pub(crate) sched: &'static Scheduler,
    /// Its open critical sections and the P it holds.
    pub(crate) hold: Hold<P>,
    /// A signal came while a section was open; whoever closes the last one sees to it.
    deferred: AtomicBool,
    /// The goroutine it runs; null on g0.
    g: AtomicPtr<G>,
    /// Where g0 continues, while a goroutine runs.
    pub(crate) g0: Cell<Option<Context>>,
    /// A goroutine that g0 must look at first.
    pub(crate) pending: Cell<Option<NonNull<G>>>,
    /// The stack of the goroutine that just ended, freed from its successor's stack.
    pub(crate) dying: Cell<Option<Stack>>,
    rng: Cell<u64>,
    /// Where it sleeps while it idles.
    pub(crate) parker: Parker,
    /// What it is handed while it sleeps on g0.
    pub(crate) handed: Handed<P, G, M>,
    /// Whether it waits in its parker for a P, in the middle of a goroutine that must not leave the thread.
    pub(crate) ask: Ask,
    /// It is counted as a searcher now.
    pub(crate) searching: Cell<bool>,
    /// The idle M that takes over the P should this one be stopped; itself if the monitor will.
    pub(crate) spare: Spare<M, P>,
    /// What the preemption side calls this thread.
    pub(crate) token: AtomicPtr<()>,
    /// Next in the list of idle Ms; guarded by its lock.
    pub(crate) idle_link: Cell<*const M>,
    /// The CPU on which it went to sleep last, if that is known; guarded likewise.
    pub(crate) idle_cpu: Cell<Option<usize>>,
    /// What the kernel calls its thread; 0 before it has begun.
    pub(crate) tid: AtomicI32,
    /// Its trace events, once it has noted one.
    trace: OnceLock<&'static Ring>,
    /// Where its goroutine stands while the thread does not run it on.
    pub(crate) halted: Halted,
    /// Whoever wants to see the stack that it runs on.
    pub(crate) photo: on_thread::Slot,
    /// The M that was made before it.
    pub(crate) older: Cell<*const M>,
    /// Whether it waits on g0 for a thaw.
    pub(crate) waits: Waits<AtomicU32>,
    /// A goroutine has locked itself to this thread, which runs nothing else.
    pub(crate) locked: AtomicBool,
    /// It was woken to compute, with a long slice of the kernel.
    long_use: AtomicBool,
    /// When its goroutine's turn comes, while that is in the queue of tied ones. Guarded by its lock.
    pub(crate) turn: Cell<u64>,
    /// What the monitor notes about it while it has lost its P.
    pub(crate) lost: lost::Record,
    /// How often it has slept, for the same.
    pub(crate) awake: awake::Record,
}

// SAFETY: cells belong to the M's thread, except `older` (written before others see the M), `idle_link` and `idle_cpu` (idle lock), `turn` (lock of the tied), `lost` and `awake` (the
// monitor's) and those handed over with a wake.
unsafe impl Sync for M {}
// SAFETY: as above.
unsafe impl Send for M {}

impl M {
    /// Offset of the goroutine that it runs, for debuggers.
    pub(crate) const G: usize = std::mem::offset_of!(M, g);

    /// An M for a thread that is about to start, which has to leak it: Ms are never freed.
    pub(crate) fn new(id: usize, sched: &'static Scheduler) -> Box<M> {
        Box::new(M {
            id,
            sched,
            // On g0 a section is always open: the scheduler is never stopped.
            hold: Hold::new(),
            deferred: AtomicBool::new(false),
            g: AtomicPtr::new(ptr::null_mut()),
            g0: Cell::new(None),
            pending: Cell::new(None),
            dying: Cell::new(None),
            rng: Cell::new(crate::rng::seed(id as u64 + 1)),
            parker: Parker::new(),
            handed: Handed::new(),
            ask: Ask::new(),
            searching: Cell::new(false),
            spare: Spare::new(),
            token: AtomicPtr::new(ptr::null_mut()),
            idle_link: Cell::new(ptr::null()),
            idle_cpu: Cell::new(None),
            tid: AtomicI32::new(0),
            trace: OnceLock::new(),
            halted: Halted::new(),
            photo: on_thread::Slot::new(),
            older: Cell::new(ptr::null()),
            waits: Waits::new(AtomicU32::new(0)),
            locked: AtomicBool::new(false),
            long_use: AtomicBool::new(false),
            turn: Cell::new(0),
            lost: lost::Record::default(),
            awake: awake::Record::default(),
        })
    }

    /// Opens a critical section. If the P was taken while the thread slept, it waits for another one here.
    #[inline]
    pub(crate) fn enter_critical(&'static self) {
        if self.hold.enter() == Entered::Disturbed {
            lost::settle(self);
        }
    }

    /// Closes one; the last one sees to a signal that came meanwhile.
    #[inline]
    pub(crate) fn leave_critical(&self) {
        // SeqCst: what came before may not move behind, as the handler sees it.
        compiler_fence(Ordering::SeqCst);
        // Relaxed: written by the handler on this thread.
        if self.hold.leave() == 0 && self.deferred.load(Ordering::Relaxed) {
            self.take_deferred();
        }
    }

    /// Lets the signal that came in a critical section come again, now that it is closed.
    #[cold]
    fn take_deferred(&self) {
        // Relaxed: this thread and its handler only.
        self.deferred.store(false, Ordering::Relaxed);
        self.sched.signal(self);
    }

    /// Whether the signal handler finds the thread in a critical section; then it leaves a note.
    pub(crate) fn defer_if_critical(&self) -> bool {
        let critical = self.hold.is_critical();
        if critical {
            // Relaxed: same thread.
            self.deferred.store(true, Ordering::Relaxed);
        }
        critical
    }

    /// Whether it is in a critical section, as another thread sees it.
    pub(crate) fn is_critical(&self) -> bool {
        self.hold.is_seen_critical()
    }

    /// Where it has noted trace events.
    #[inline]
    pub(crate) fn ring(&self) -> Option<&'static Ring> {
        self.trace.get().copied()
    }

    /// Where it notes trace events. Not in the signal handler.
    pub(crate) fn trace_ring(&self) -> &'static Ring {
        self.trace.get_or_init(trace::new_ring)
    }

    /// The P it holds. In a critical section; outside of one it may be gone the next moment.
    #[inline]
    pub(crate) fn p(&self) -> Option<&'static P> {
        // SAFETY: Ps are never freed while Ms live.
        unsafe { self.hold.p().as_ref() }
    }

    /// Takes or lays down a P.
    #[inline]
    pub(crate) fn set_p(&'static self, p: Option<&'static P>) {
        if let Some(p) = p {
            // Release: pairs with Acquire in the monitor, which reads this M through the P.
            p.m.store(ptr::from_ref(self).cast_mut(), Ordering::Release);
            // SeqCst fence: pairs with the one in `begin_stop`, with the barrier of N2 (`next.rs`), and with that of F2 (`frost.rs`):
            // what this M looks at in its P from now on is as new as who takes it for the P's holder.
            fence(Ordering::SeqCst);
        }
        self.hold.set(p.map_or(ptr::null_mut(), |p| ptr::from_ref(p).cast_mut()));
    }

    /// Takes up again a P that was laid down, and whose owner nobody else has been meanwhile: `P::m` names this M still.
    #[inline]
    pub(crate) fn resume_p(&'static self, p: &'static P) {
        self.hold.set(ptr::from_ref(p).cast_mut());
    }

    /// The goroutine it runs.
    #[inline]
    pub(crate) fn g(&self) -> Option<NonNull<G>> {
        // Relaxed: this thread's own word.
        NonNull::new(self.g.load(Ordering::Relaxed))
    }

    /// The same, as another thread sees it.
    pub(crate) fn seen_g(&self) -> Option<NonNull<G>> {
        // Acquire: pairs with Release in `set_g`.
        NonNull::new(self.g.load(Ordering::Acquire))
    }

    /// Says what it runs.
    #[inline]
    pub(crate) fn set_g(&self, g: Option<NonNull<G>>) {
        // Release: for whoever is handed this M as the one that has the goroutine's registers.
        self.g.store(g.map_or(ptr::null_mut(), NonNull::as_ptr), Ordering::Release);
    }

    /// Runs `wake`, which wakes this M's thread, so that it wakes where the caller is, as soon as that sleeps. In the
    /// signal handler, too.
    pub(crate) fn wake_here(&self, next: Use, wake: impl FnOnce()) {
        // Relaxed: written before the M first idled or held a P, which is how the caller knows it; 0 is looked for.
        match (&self.sched.placing, self.tid.load(Ordering::Relaxed)) {
            (Some(placing), tid) if tid != 0 => {
                // Relaxed: published by the wake.
                self.long_use.store(next == Use::Long, Ordering::Relaxed);
                placing.wake_here(tid, next, wake);
            }
            _ => wake(),
        }
    }

    /// It idles, and will no longer be the thread of somebody who computes.
    #[inline]
    pub(crate) fn end_long_use(&self) {
        // Relaxed, both: written before the wake; this thread's own since.
        if self.long_use.load(Ordering::Relaxed) {
            self.long_use.store(false, Ordering::Relaxed);
            if let Some(placing) = &self.sched.placing {
                placing.end_long_use();
            }
        }
    }

    /// Whether its thread was woken for somebody who computes. A hint.
    pub(crate) fn is_in_long_use(&self) -> bool {
        self.long_use.load(Ordering::Relaxed) // Relaxed: a hint.
    }

    /// Moves its thread, which is ready and gets no CPU, to another CPU. By the monitor.
    pub(crate) fn move_away(&self) {
        // Relaxed, both: written before the M first held a P, which is how the monitor knows it. A goroutine that locks itself to the thread at this very
        // moment, and then chooses its CPUs, may find its choice undone; `Placing` leaves alone what was chosen before.
        let tid = self.tid.load(Ordering::Relaxed);
        if let Some(placing) = self.sched.placing.as_ref().filter(|_| tid != 0) {
            if !self.locked.load(Ordering::Relaxed) {
                placing.move_away(tid);
            }
        }
    }

    /// A random number from this M's generator.
    #[inline]
    pub(crate) fn random(&self) -> u64 {
        let x = crate::rng::step(self.rng.get());
        self.rng.set(x);
        x
    }
}

impl fmt::Debug for M {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M").field("id", &self.id).finish_non_exhaustive()
    }
}
