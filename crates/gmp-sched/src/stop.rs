//! The end of a runtime: every goroutine comes to rest, and none of them with a lock in its hands if it can be helped.
//!
//! When the main goroutine has ended the others never run again. But one that was stopped in the middle of `malloc` or
//! of a message on standard error would keep that lock for ever, and whoever wants it later, after `run` has returned,
//! would hang. So a goroutine is not stopped where it is at once:
//!
//! - **Z1** who looks for work finds that the runtime stops, lays down its P and ends its thread. So does who is
//!   handed one by somebody who has not seen it yet. In the middle of a goroutine nobody takes an idle one any more (`Lists::take_p`);
//!   to whom a busy one was passed on, that one computes on until Z3.
//! - **Z2** those that were stopped in their handler go on without a P, to where they next enter the runtime, and wait
//!   there for ever. So do those that lost their P while they slept, and those whose blocking section ends: it is taken
//!   from them here, so that they look for another one.
//! - **Z3** who computes on, or sleeps, for longer than [`POLITE`] is stopped by signal, for good: it has not called the runtime
//!   for all that time. Unless somebody is in a [`Finishing`] section, which is waited for. The signal is sent by the thread
//!   that called `run`, too, since that one is awake: who has been sent one runs no line of its own before it serves it,
//!   however late the kernel lets it run, or the monitor.
//! - **Z4** `run` returns when all of them rest, or after [`PATIENCE`]. Before that the Ps that nobody holds give back their
//!   stacks, so that the next runtime finds them; those of threads that are late keep theirs, and all do if the monitor is late.
//!   Threads whose goroutine has locked itself to them and has parked end; those in the middle of one stay (Z2). Afterwards the
//!   monitor goes on asking those that are left, because they have put the signal off, until none is, or for [`LONGEST`].
//! - **Z5** the next `run` starts when nobody of this one polls any more, and nobody of it ever will (`post.rs`, V4). The
//!   poller is the process's, and its wake one for all: a watcher on its way out, or a look around, would take the wake
//!   that is meant for the next runtime's watcher, which then sleeps on with a P in its hands.
//!
//! A goroutine that prints, allocates or locks all the time without ever calling the runtime can still be caught by Z3
//! with a lock; also after `run` has returned, if it had put the signal off until then.

use std::ptr;
use std::thread;
use std::time::Duration;

use crate::clock;
use crate::critical::critical;
use crate::lost::ASKED;
use crate::on_thread;
use crate::runtime::wake_everybody;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicPtr, Ordering};
use crate::sys;

/// How long a goroutine may compute before it is stopped for good: some hundred times what a call into the C library
/// takes, and less than anybody notices at the end of a program.
pub(crate) const POLITE: Duration = Duration::from_millis(2);

/// How long `run` waits for goroutines that do not let themselves be stopped, from the end of the last [`Finishing`] section: without
/// one an end takes no more than 10 ms with all else.
const PATIENCE: Duration = Duration::from_millis(9);
// The monitor is not late only because it asks a thread without a P as often as it may have to.
const _: () = assert!(POLITE.as_micros() + ASKED as u128 * 50 < PATIENCE.as_micros());

/// How often the monitor asks those that are left when its own part is over: they put a signal off some hundred times at most.
const AGAIN: Duration = Duration::from_millis(1);

/// How long it waits for sections that want to finish: a backtrace of a debug build is read and printed.
const LONGEST: Duration = Duration::from_secs(5);

/// A section that the end of the runtime waits for, because it holds locks of the process; see [`finishing`].
#[derive(Debug)]
#[must_use = "the section ends when this is dropped"]
pub struct Finishing(Option<&'static Scheduler>);

/// Until the guard is dropped the end of the caller's runtime, or of the one that runs, does not stop goroutines for good.
/// For messages of the runtime itself, such as a panic's, which hold std's locks; a few milliseconds at most. Neither parks
/// nor blocks.
pub fn finishing() -> Finishing {
    let sched = Scheduler::try_current();
    if let Some(sched) = sched {
        sched.finishing.fetch_add(1, Ordering::AcqRel); // AcqRel: pairs with Acquire in `is_finishing`.
    }
    Finishing(sched)
}

impl Drop for Finishing {
    fn drop(&mut self) {
        if let Some(sched) = self.0 {
            sched.finishing.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        }
    }
}

/// Z3: whether somebody is waited for, so many nanoseconds after the end began. A section may be left open for good, by one
/// that had to be stopped in it.
fn is_finishing(sched: &Scheduler, spent: u64) -> bool {
    // Acquire: pairs with AcqRel in `finishing`.
    sched.finishing.load(Ordering::Acquire) > 0 && spent < LONGEST.as_nanos() as u64
}

/// Z3: whether those that compute on are stopped for good by now.
pub(crate) fn is_firm(sched: &Scheduler, spent: u64) -> bool {
    spent >= POLITE.as_nanos() as u64 && !is_finishing(sched, spent)
}

/// Z5: `sched` is about to start. By the thread that called `run`, one at a time.
pub(crate) fn succeed(sched: &'static Scheduler) {
    static LAST: AtomicPtr<Scheduler> = AtomicPtr::new(ptr::null_mut());
    // Acquire, Release: from one caller of `run` to the next.
    let last = LAST.swap(ptr::from_ref(sched).cast_mut(), Ordering::AcqRel);
    // SAFETY: schedulers are never freed.
    if let Some(last) = unsafe { last.as_ref() } {
        // Its watcher was woken when it stopped, so this takes as long as the kernel takes to let a thread run.
        while last.post.is_polled() {
            sys::nap();
        }
    }
}

/// Z1 to Z4. By the thread that called `run`.
pub(crate) fn stop(sched: &'static Scheduler) {
    sched.begin_stop();
    wake_everybody(sched);
    let begun = clock::now();
    // How long somebody was waited for.
    let mut finished = 0;
    loop {
        let spent = clock::now() - begun;
        if is_finishing(sched, spent) {
            finished = spent;
        }
        let firmly = is_firm(sched, spent);
        // Before the look at the Ps: it may still grant one.
        let monitor_has_ended = sched.monitor.has_ended();
        release_stopped(sched);
        let mut busy = 0;
        for index in 0..sched.created() {
            let p = sched.proc(index);
            // Acquire: pairs with Release where a P is laid down.
            if p.m.load(Ordering::Acquire).is_null() {
                continue;
            }
            let lease = p.lease.look();
            if lease.is_takeable() {
                // AcqRel: as for the monitor, whose part this is at the end.
                sched.blocked.fetch_add(1, Ordering::AcqRel);
                if p.lease.retake(lease) {
                    // Release: nobody holds it.
                    p.m.store(ptr::null_mut(), Ordering::Release);
                    continue;
                }
                sched.blocked.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
            }
            busy += 1;
            p.preempt.store(true, Ordering::Relaxed); // Relaxed: the signal orders what matters.
        }
        busy += count_the_rest(sched, firmly);
        // Who took over a P from a goroutine that was stopped queues that first, and lays down the P after it.
        let rest = busy == 0 && monitor_has_ended && sched.tied.len() == 0;
        if rest || spent - finished > PATIENCE.as_nanos() as u64 {
            // One that the kernel held up may have a P in its hands that nobody else has.
            if monitor_has_ended {
                give_back_stacks(sched);
            }
            end_locked(sched);
            // Release: pairs with Acquire in `see_to_the_rest`: who was let go on here is counted there.
            return sched.stopped.store(true, Ordering::Release);
        }
        sys::nap();
    }
}

/// Z3: how many go on, with a P or without; whether they are asked to stop for good.
fn count_the_rest(sched: &'static Scheduler, ask: bool) -> usize {
    let mut left = 0;
    on_thread::for_each(sched, &mut |m| {
        if m.hold.goes_on() {
            left += 1;
            if ask {
                sched.signal(m);
            }
        }
    });
    left
}

/// Z4, its last sentence. By the monitor, whose part in a stop that began at `begun` is over. Not before `stop` is: until then
/// some are between two Ps, or still to be let go on.
pub(crate) fn see_to_the_rest(sched: &'static Scheduler, begun: u64) {
    loop {
        let spent = clock::now() - begun;
        // Acquire: pairs with Release in `stop`.
        let stopped = sched.stopped.load(Ordering::Acquire);
        let left = count_the_rest(sched, is_firm(sched, spent));
        if stopped && left == 0 || spent > LONGEST.as_nanos() as u64 {
            return;
        }
        thread::sleep(AGAIN);
    }
}

/// Z4: in no list are those whose goroutine has locked itself to them and has parked (X6 of `handed.rs`). A P that one of them
/// was handed meanwhile nobody holds, and its stacks have gone back.
fn end_locked(sched: &'static Scheduler) {
    on_thread::for_each(sched, &mut |m| {
        // Relaxed: ordered by the lock of the lists: who parks passes on its P under it, and then looks at `is_stopping`;
        // `wake_everybody` has taken it since the stop began. One of the two sees the other.
        if m.locked.load(Ordering::Relaxed) {
            m.parker.notify();
        }
    });
}

/// Z4: what is at hand for goroutines that will never be goes back to the process's pool.
fn give_back_stacks(sched: &'static Scheduler) {
    let _section = critical();
    // Nobody takes one of these any more, not even to lay it down. Who was handed one, and does not say so yet, looks whether the
    // runtime stops before it touches what belongs to the P.
    sched.lists.lock().retire_ps_from(sched, 0);
    for p in (0..sched.created()).map(|index| sched.proc(index)) {
        // Acquire: pairs with Release where a P is laid down.
        if p.m.load(Ordering::Acquire).is_null() {
            p.give_back(sched.stacks, sched.config.stack_size);
        }
    }
}

/// Z2: lets those go on that were stopped in their handler. Without a P they come to rest at their next entry.
fn release_stopped(sched: &'static Scheduler) {
    while let Some(g) = sched.tied.oldest() {
        // SAFETY: taken out of a queue, so its thread waits.
        let Some(thread) = unsafe { g.as_ref() }.tied() else { continue };
        // One that asks for a P rests already.
        if !thread.ask.is_open() {
            thread.hold.lose();
            sched.resume(thread);
        }
    }
}
