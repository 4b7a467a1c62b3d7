//! Goroutines that start at a given time: what timers with a function, and contexts with a deadline, need.
//!
//! The goroutine is made when it is asked for, where allocating is allowed; the timer only puts it into a
//! queue. Until then it costs its closure and is counted nowhere.

use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::g::G;
use crate::lock::Lock;
use crate::scheduler::Scheduler;
use crate::task::{Options, Unstarted};
use crate::timers::Armed;
use crate::wait::Waiter;

/// A goroutine that starts later, unless it is cancelled. Dropping it changes nothing.
pub struct Delayed {
    shared: Arc<Shared>,
}

struct Shared {
    /// The timer, until it has fired or been cancelled.
    pending: Lock<Option<Pending>>,
}

#[derive(Clone, Copy)]
struct Pending {
    armed: Armed,
    g: NonNull<G>,
}

// SAFETY: the pointer is used by the one who takes the value out, and only if the goroutine never started.
unsafe impl Send for Pending {}

/// Starts a goroutine that runs `f` at `deadline`, not before. Neither parks nor blocks.
///
/// # Panics
///
/// When no runtime is running, or no stack can be reserved.
#[track_caller]
pub fn spawn_at(deadline: Instant, f: impl FnOnce() + Send + 'static) -> Delayed {
    let sched = Scheduler::current();
    let shared = Arc::new(Shared { pending: Lock::new(None) });
    let mine = Arc::clone(&shared);
    let body = move || {
        // It has fired: from now on there is nothing to cancel.
        mine.pending.lock().take();
        drop(mine);
        f();
    };
    // SAFETY: `'static` and `Send`.
    let unstarted =
        match unsafe { Unstarted::new(sched, Options::default(), false, Location::caller(), body) }
        {
            Ok(u) => u,
            Err(e) => panic!("cannot prepare a goroutine: {e}"),
        };
    let g = unstarted.g;
    let timers = sched.timers_here();
    let (armed, heap) =
        timers.arm(clock::from_instant(deadline), start, g.as_ptr().cast_const().cast());
    // Under the heap's lock, so that it is there before the timer can fire.
    *shared.pending.lock() = Some(Pending { armed, g });
    drop(heap);
    sched.timer_armed(clock::from_instant(deadline));
    Delayed { shared }
}

/// The timer is due: the goroutine is counted and made runnable.
unsafe fn start(g: *const ()) -> Option<Waiter> {
    let g = NonNull::new(g.cast_mut().cast::<G>())?;
    // SAFETY: alive until it has run or been discarded, and `cancel` has lost against this timer.
    let header = unsafe { g.as_ref() };
    header.sched.spawned_elsewhere.bump_shared();
    header.launched();
    Some(Waiter::of(g))
}

impl Delayed {
    /// Prevents the start. True when it did: the closure has then been dropped, here. False when the
    /// goroutine has been started, or cancelled before. Neither parks nor blocks.
    pub fn cancel(&self) -> bool {
        let pending = self.shared.pending.lock().take();
        let Some(p) = pending else { return false };
        let cancelled = p.armed.cancel();
        if cancelled {
            Unstarted { g: p.g }.discard();
        }
        cancelled
    }
}

impl fmt::Debug for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").finish_non_exhaustive()
    }
}
