//! Goroutines that start at a given time: what timers with a function, and contexts with a deadline, need.
//!
//! The goroutine is made when it is asked for, where allocating is allowed; the timer only puts it into a
//! queue. Until then it costs its closure and is counted nowhere. Its stack is reserved when it is due, not before: most
//! deadlines are cancelled, and a million reserved stacks are half a gigabyte of page tables. If the kernel has no memory for
//! it then, the start is late: nobody is there who could be told, and losing it would be worse. Only if there is not even a page
//! for the timer of the next attempt does the process end, as wherever the runtime itself gets no memory (`arena.rs`).

use std::fmt;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::Instant;

use crate::bubble;
use crate::clock;
use crate::fatal;
use crate::g::G;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::task::{self, Options, Unstarted};
use crate::timers::Armed;
use crate::wait::Waiter;

/// Nanoseconds until a start that found no stack is tried again.
const RETRY: u64 = 1_000_000;

/// When a goroutine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At once; it has a handle.
    Now,
    /// Some time; its stack is reserved by whoever starts it.
    Later,
    /// Some time; its stack is reserved already.
    LaterReserved,
}

/// A goroutine that starts later, unless it is cancelled. Dropping it changes nothing.
pub struct Delayed {
    armed: Armed,
    /// Used by the one who cancels in time only: then it has not started, and will not.
    g: NonNull<G>,
    /// The runtime and the bubble that it starts in.
    sched: &'static Scheduler,
    bubble: u16,
}

// SAFETY: the closure is `Send`; who gets at the goroutine is decided by the timer's word, once.
unsafe impl Send for Delayed {}
// SAFETY: as above.
unsafe impl Sync for Delayed {}

/// Starts a goroutine that runs `f` at `deadline`, not before. Neither parks nor blocks.
///
/// # Panics
///
/// When no runtime is running; in a bubble also when no stack can be reserved.
#[track_caller]
pub fn spawn_at(deadline: Instant, f: impl FnOnce() + Send + 'static) -> Delayed {
    let sched = Scheduler::current();
    let bubble = bubble::current_bubble();
    // In a bubble time jumps as soon as everybody waits: nothing can be tried again later.
    let start = if bubble == 0 { Start::Later } else { Start::LaterReserved };
    // SAFETY: `'static` and `Send`.
    let unstarted =
        match unsafe { Unstarted::new(sched, Options::default(), start, Location::caller(), f) } {
            Ok(u) => u,
            Err(e) => panic!("cannot prepare a goroutine: {e}"),
        };
    let g = unstarted.g;
    let when = clock::from_instant(deadline);
    let armed = arm(sched, g, when);
    Delayed { armed, g, sched, bubble }
}

/// Arms the timer that starts `g`.
fn arm(sched: &'static Scheduler, g: NonNull<G>, when: u64) -> Armed {
    let (armed, heap) = sched.timers_here().arm(when, due, g.as_ptr().cast_const().cast());
    drop(heap);
    armed_for(sched, armed, when);
    armed
}

/// Whoever sleeps until the first timer is due must know of an earlier one; of a later one nobody needs to.
fn armed_for(sched: &'static Scheduler, armed: Armed, when: u64) {
    if armed.may_be_first(when) {
        sched.timer_armed(when);
    }
}

/// The timer is due: the goroutine is counted and made runnable.
unsafe fn due(g: *const ()) -> Option<Waiter> {
    let g = NonNull::new(g.cast_mut().cast::<G>())?;
    // SAFETY: alive until it has run or been discarded, and `cancel` has lost against this timer.
    let header = unsafe { g.as_ref() };
    if header.bubble() == 0 && !header.sched.reserve_stack_here() {
        warn();
        arm(header.sched, g, clock::now() + RETRY);
        return None;
    }
    header.sched.spawned_elsewhere.bump_shared();
    header.launched();
    Some(Waiter::of(g))
}

/// Says once that starts are late.
#[cold]
fn warn() {
    static SAID: AtomicBool = AtomicBool::new(false);
    // Relaxed: whoever comes first says it.
    if !SAID.swap(true, Ordering::Relaxed) {
        fatal::write(
            "gmp: a timer's goroutine starts late, the kernel has no memory for its stack\n",
        );
    }
}

impl Delayed {
    /// Prevents the start. True when it did: the closure has then been dropped, here. False when the
    /// goroutine has been started, or cancelled before, or is late for want of a stack and will start. Neither parks nor blocks.
    pub fn cancel(&self) -> bool {
        let cancelled = self.armed.cancel();
        if cancelled {
            Unstarted { g: self.g }.discard(self.bubble != 0);
        }
        cancelled
    }

    /// Moves the start to `deadline`, and costs a fraction of a cancellation and a new start. True when it did. False, and
    /// nothing has changed, when the goroutine has been started or cancelled before, and when the caller is in another runtime
    /// or bubble than the one who asked for it. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn reset(&self, deadline: Instant) -> bool {
        let Delayed { armed, sched, bubble, .. } = *self;
        if !ptr::eq(sched, Scheduler::current()) || bubble != bubble::current_bubble() {
            return false;
        }
        let when = clock::from_instant(deadline);
        let moved = armed.reset(when);
        if moved {
            armed_for(sched, armed, when);
        }
        moved
    }
}

impl Unstarted {
    /// Throws it away, with its closure, and its reservation if it has one.
    pub(crate) fn discard(self, reserved: bool) {
        // SAFETY: in no queue, and it has no handle: this is the only party.
        let header = unsafe { self.g.as_ref() };
        if reserved {
            header.sched.return_credit(header.stack_class());
        }
        // SAFETY: the task is ours.
        unsafe { task::drop_content(self.g) };
        // SAFETY: its content is gone.
        unsafe { task::free(self.g) };
    }
}

impl fmt::Debug for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").finish_non_exhaustive()
    }
}
