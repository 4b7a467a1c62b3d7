//! A goroutine that keeps its OS thread to itself: [`lock_os_thread`].
//!
//! While the lock lasts the goroutine is *tied* to its M like one that was stopped: whoever takes it out of a queue
//! passes its P to that M. And the M runs nothing else: when the goroutine parks, the M gives its P away and sleeps
//! until the goroutine's turn comes. So each park costs two hand-overs between threads. The steps, X1 to X6 and A1 to A3,
//! are in `handed.rs`; here are X1's consequence (the M of a locked goroutine has no other to run) and X2.

use std::marker::PhantomData;
use std::ptr;

use crate::critical::critical;
use crate::g::G;
use crate::m::M;
use crate::preempt;
use crate::sleep;
use crate::sync::plain::Ordering;

/// While it lives, the goroutine that made it runs on one OS thread, and nothing else runs there.
#[derive(Debug)]
#[must_use = "the goroutine is unlocked when this is dropped"]
pub struct OsThreadGuard {
    /// Of this goroutine, on this thread.
    _not_send: PhantomData<*const ()>,
}

/// Locks the calling goroutine to the OS thread that it runs on, until the guard is dropped; guards nest. For code
/// that ties itself to its thread: a graphics context, a namespace, a library with thread-local state. Parking then
/// costs two hand-overs between threads. On a plain thread it does nothing. Neither parks nor blocks.
///
/// ```
/// # use gmp_sched as gmp;
/// # unsafe { gmp::run(gmp::Config::default(), || {
/// let _thread = gmp::lock_os_thread();
/// let here = std::thread::current().id();
/// gmp::yield_now();
/// assert_eq!(std::thread::current().id(), here);
/// # }) };
/// ```
pub fn lock_os_thread() -> OsThreadGuard {
    change(1);
    OsThreadGuard { _not_send: PhantomData }
}

impl Drop for OsThreadGuard {
    fn drop(&mut self) {
        change(-1);
    }
}

fn change(by: i16) {
    let section = critical();
    let Some((m, g)) = section.m().and_then(|m| m.g().map(|g| (m, g))) else { return };
    // SAFETY: the caller's own header.
    let header: &G = unsafe { g.as_ref() };
    // Relaxed, both: this goroutine's own; dumps read it.
    let locks = header.locks.load(Ordering::Relaxed).saturating_add_signed(by);
    header.locks.store(locks, Ordering::Relaxed);
    m.locked.store(locks != 0, Ordering::Relaxed); // Relaxed: for this thread; the monitor only avoids it, and the end has its own order (`stop.rs`, `end_locked`).
    if locks == 0 {
        // Release: pairs with Acquire in `G::tied`.
        header.tied.store(ptr::null_mut(), Ordering::Release);
    } else {
        preempt::tie(header, m);
    }
}

/// X2 and X3, on g0 of an M whose goroutine has parked: gives the P away and sleeps until the goroutine's turn comes, which
/// is then `pending`. False when the runtime stops.
pub(crate) fn wait_for_turn(m: &'static M) -> bool {
    if let Some(p) = m.p() {
        if m.searching.replace(false) {
            let _ = m.sched.idle.leave_search();
        }
        m.set_p(None);
        if let Some(g) = p.take_next() {
            m.sched.push_local(p, g);
        }
        m.sched.pass_on(p, p.has_work());
    }
    sleep::park(m)
}
