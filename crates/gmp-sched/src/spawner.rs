//! Making threads: on a thread of its own, without a P, where calling malloc cannot stall anybody.
//!
//! A new M initialises itself before it holds a P, for the same reason.

use std::io;
use std::thread;

use gmp_context::guard::SignalStack;

use crate::clock;
use crate::current;
use crate::driver::MHandle;
use crate::fatal;
use crate::m::M;
use crate::on_thread;
use crate::parker::Parker;
use crate::run;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicU64, AtomicUsize, Ordering};
use crate::sys;

/// Stack of an M's own thread: g0 searches and polls, nothing deep runs on it.
const G0_STACK: usize = 256 << 10;

/// How long to wait before asking again for a thread that the system has refused, in nanoseconds.
const RETRY: u64 = 10_000_000;

/// What others see of the thread that makes threads.
#[derive(Debug)]
pub(crate) struct Spawner {
    parker: Parker,
    /// Idle Ms that the monitor would like to have.
    spares: AtomicUsize,
    /// Threads that have been made and have not looked for work yet.
    starting: AtomicUsize,
    /// When a thread that the system has refused is to be asked for again; 0 when none was.
    retry_at: AtomicU64,
}

impl Spawner {
    /// Not started.
    pub(crate) fn new() -> Spawner {
        Spawner {
            parker: Parker::new(),
            spares: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            retry_at: AtomicU64::new(0),
        }
    }

    /// Ends its sleep: there is a P without a thread, or the runtime stops.
    pub(crate) fn wake(&self) {
        self.parker.notify();
    }

    /// Tries once more what the system has refused: a P without a thread must not wait for ever. By the monitor.
    pub(crate) fn try_again(&self, now: u64) {
        // Relaxed: a time, published by nothing but itself; too late by one look is early enough.
        let at = self.retry_at.load(Ordering::Relaxed);
        if at != 0 && now >= at {
            self.wake();
        }
    }

    /// Asks for one more idle M.
    pub(crate) fn want_spare(&self) {
        self.spares.store(1, Ordering::Relaxed); // Relaxed: published by the wake.
        self.wake();
    }
}

/// The spawner's thread.
pub(crate) fn main(sched: &'static Scheduler) {
    // That a thread was refused has been said, and none has been made since.
    let mut said = false;
    while !sched.is_stopping() {
        // Relaxed: published by the wake.
        let spares = sched.spawner.spares.swap(0, Ordering::Relaxed);
        let orphans = sched.lists.lock().orphans();
        // The last threads are for Ps that have none: reaching the limit for a spare would be fatal for a luxury.
        // Relaxed: a number that this thread alone increments.
        let room = sched.threads.load(Ordering::Relaxed) + sched.procs() < sched.config.max_threads;
        let wanted = orphans.max(if room { spares } else { 0 });
        let mut refused = false;
        // Acquire: pairs with AcqRel in `m_main`: those on their way will do.
        for _ in sched.spawner.starting.load(Ordering::Acquire)..wanted {
            let Err(e) = start_m(sched) else {
                said = false;
                continue;
            };
            refused = true;
            // Work goes on with the threads there are.
            if !std::mem::replace(&mut said, true) {
                fatal::write("gmp: cannot start a thread (RLIMIT_NPROC, pids.max or memory?): ");
                fatal::write(&e.to_string());
                fatal::write("\n");
            }
            break;
        }
        let retry_at = if refused { clock::now() + RETRY } else { 0 };
        sched.spawner.retry_at.store(retry_at, Ordering::Relaxed); // Relaxed: see `try_again`.
        sched.spawner.parker.park();
    }
}

/// Starts one more M. It takes a P that waits for a thread, or idles.
///
/// # Errors
///
/// What the system says when it cannot make a thread.
pub(crate) fn start_m(sched: &'static Scheduler) -> io::Result<()> {
    // Relaxed: a number.
    let id = sched.threads.fetch_add(1, Ordering::Relaxed);
    if id >= sched.config.max_threads {
        fatal::abort(
            "thread limit reached: too many goroutines block their threads at once; raise max_threads",
        );
    }
    let m = M::new(id, sched);
    sched.spawner.starting.fetch_add(1, Ordering::AcqRel); // AcqRel: pairs with `m_main` and `main`.
    let spawned = thread::Builder::new()
        .name(format!("gmp-m{id}"))
        .stack_size(G0_STACK)
        .spawn(move || sched.counted(|| m_main(Box::leak(m))));
    // If there is no thread the closure is dropped, and the M with it.
    if let Err(e) = spawned {
        sched.threads.fetch_sub(1, Ordering::Relaxed); // Relaxed: a number.
        sched.spawner.starting.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        return Err(e);
    }
    Ok(())
}

/// The thread of an M.
fn m_main(m: &'static M) {
    let sched = m.sched;
    on_thread::add(m);
    // Without a signal stack of its own the thread works, but cannot report an overflow.
    let signal_stack = SignalStack::install();
    // It may be the one that watches the clock.
    sys::precise_timers();
    m.tid.store(sys::thread_id(), Ordering::Relaxed); // Relaxed: others see it when the M idles.
    let token = sched.config.preempt.and_then(|p| p.attach(MHandle(m)).ok());
    if let Some(token) = token {
        // Release: pairs with Acquire in `Scheduler::signal`.
        m.token.store(token, Ordering::Release);
    }
    // Not before: an M is in a section from the beginning, and attaching allocates.
    current::set_m(Some(m));
    sched.spawner.starting.fetch_sub(1, Ordering::AcqRel); // AcqRel: pairs with `main`.
    run::schedule(m);
    current::set_m(None);
    if let (Some(preempt), Some(token)) = (sched.config.preempt, token) {
        m.token.store(std::ptr::null_mut(), Ordering::Release); // Release: as above.
        preempt.detach(token);
    }
    drop(signal_stack);
}
