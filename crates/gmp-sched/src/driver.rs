//! The two seams of the scheduler: what polls descriptors, and what stops threads.
//!
//! Both traits are implemented outside this crate, by the facade's glue; the scheduler works without
//! either (no I/O, cooperative only).

use std::io;
use std::time::Duration;

use crate::m::M;
use crate::wait::Waiter;

/// Finds out which waiters' descriptors have become ready.
///
/// # Safety
///
/// Waiters passed to `ready` must be parked (their commit has begun) and passed once per park.
pub unsafe trait Driver: Sync {
    /// Waits up to `timeout` (`None`: until something happens) for readiness or [`wake`](Driver::wake),
    /// and passes on each waiter that became ready. Called on g0 or the monitor, in a critical section, by
    /// one thread at a time: must not allocate, panic, or take a lock that user code can hold.
    fn poll(&self, timeout: Option<Duration>, ready: &mut dyn FnMut(Waiter));

    /// Ends the poll that goes on, or the next one, early. Any thread, any context but a signal handler.
    fn wake(&self);

    /// How many are parked on descriptors: when none is, nobody polls.
    fn waiting(&self) -> usize;
}

/// An M, as the preemption side holds it.
#[derive(Debug, Clone, Copy)]
pub struct MHandle(pub(crate) &'static M);

impl MHandle {
    /// As the context word of a signal handler; give it to [`try_hand_over`](crate::try_hand_over).
    pub fn into_raw(self) -> *const () {
        std::ptr::from_ref(self.0).cast()
    }
}

/// Stops threads where they are, and lets them go on.
///
/// The handler that it installs calls [`try_hand_over`](crate::try_hand_over) on the target thread; true
/// means that the thread must wait, in the handler, for `resume`.
///
/// # Safety
///
/// A thread for which `try_hand_over` returned true must not run on before `resume` was called for it;
/// a `resume` that comes before the thread has gone to sleep must count.
pub unsafe trait Preempt: Sync {
    /// Registers the calling thread, an M, and returns a token for it. May allocate.
    ///
    /// # Errors
    ///
    /// When the handler cannot be installed or the thread cannot be told apart.
    fn attach(&self, m: MHandle) -> io::Result<*mut ()>;

    /// Sends the thread its signal. Never allocates. False when that is not possible.
    fn request(&self, token: *mut ()) -> bool;

    /// As [`request`](Preempt::request), but the thread is stopped where none of its system calls sees that, for which it may
    /// run on for some milliseconds; `request` overtakes it. False when that is not possible: then it has not been asked.
    fn request_later(&self, token: *mut ()) -> bool;

    /// Whether `request` stops threads at all.
    fn can_stop(&self) -> bool;

    /// The CPU time that the thread has used, in nanoseconds, exact also while it runs; `None` when the system does
    /// not tell. Called by any thread. Never allocates.
    fn cpu_time(&self, token: *mut ()) -> Option<u64>;

    /// Whether the kernel has the thread asleep, as against running or ready to run; false when the system does not
    /// tell. Called by any thread. Never allocates.
    fn is_asleep(&self, token: *mut ()) -> bool;

    /// Whether the thread is asleep, and how often it has gone to sleep so far by itself (being
    /// stopped is among that), as far as the system tells. Called by any thread. Never allocates.
    fn rest(&self, token: *mut ()) -> (bool, Option<u64>);

    /// Whether the system call in which the thread sleeps goes on after `request`, as far as that is known; `None` when the
    /// thread does not sleep. Called by any thread. Never allocates.
    fn restarts(&self, token: *mut ()) -> Option<bool>;

    /// Makes every running thread of the process pass a full memory fence before this returns. False when the system
    /// cannot: then nothing has happened, and a thread that sleeps keeps its P until it is stopped.
    fn barrier(&self) -> bool;

    /// Lets a stopped thread go on. Never allocates.
    fn resume(&self, token: *mut ());

    /// The calling thread, which attached, is about to end.
    fn detach(&self, token: *mut ());
}
