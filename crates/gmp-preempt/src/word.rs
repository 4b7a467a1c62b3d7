//! The state word of one thread: asked to stop, stopped, gone, and how many senders are at it.
//!
//! Everything that monitor, signal handler and the thread's end must agree on is in one atomic word, so
//! that each step is one read-modify-write and no two of them can be torn apart. The word is also the
//! futex on which a stopped thread sleeps. Only `target.rs` uses it.
//!
//! ```text
//!  31                            8 7       4    3       2         1          0
//! +-------------------------------+---------+-------+----------+---------+-----------+
//! |            SENDERS            |    0    | LATER | DETACHED | STOPPED | REQUESTED |
//! +-------------------------------+---------+-------+----------+---------+-----------+
//!
//! REQUESTED  set by ask (anybody), cleared by arrive (the thread) or unsent (the asker whose signal
//!            failed). While it is set nobody sends a second signal, but for LATER.
//! LATER      with REQUESTED only: the signal is that of the thread's timer (`tick.rs`), which comes at
//!            some clock tick. Cleared with REQUESTED, and by an ask that will not wait so long: that
//!            one sends a signal as well. Whichever comes second finds nothing to serve.
//! STOPPED    set by arrive/stop_now (the thread), cleared by resume (anybody) or decline (the thread).
//!            Set *before* the thread decides and hands over, so a resume at any later time counts.
//! DETACHED   set by detach (the thread), never cleared; no ask after it sends anything.
//! SENDERS    askers between ask and sent/unsent; detach waits for zero, because the thread's id means
//!            something else once the thread has ended.
//! ```
//!
//! Steps, named in the comments below and in `docs/preemption.md`:
//!
//! ```text
//!   monitor                                  the thread
//!   A1 ask: REQUESTED, SENDERS+1             H1 arrive: REQUESTED -> STOPPED
//!   A2 the signal is sent, or the timer set  H2 it decides; hands over what it owns
//!   A3 sent: SENDERS-1                       H3 sleep while STOPPED     (or decline: STOPPED off)
//!   R1 resume: STOPPED off                   D1 detach: DETACHED
//!   R2 wake                                  D2 sleep while SENDERS > 0
//! ```
//!
//! Two steps A2 may be under way at once, one by the timer and one that has overtaken it.
//! Feared: R1 between H2 and H3 (the successor is fast). H3 compares the whole word in the kernel, so
//! either it sees R1 or R2 sees the sleeper. Feared: A2 after the thread has ended. D2 excludes it.

use crate::sync::{Futex, Ordering, mutant};

const REQUESTED: u32 = 1;
const STOPPED: u32 = 1 << 1;
const DETACHED: u32 = 1 << 2;
const LATER: u32 = 1 << 3;
/// One sender, in the unit of the counter. 24 bits: more threads than a process may have.
const SENDER: u32 = 1 << 8;
const SENDERS: u32 = !(SENDER - 1);

/// How soon a request is to be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// As soon as a signal gets there.
    Now,
    /// At a clock tick that finds the thread running.
    Later,
}

/// What [`Word::ask`] found, and so what the asker has to do.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// Send the signal, or set the timer that does, then call `sent` or `unsent`.
    Send,
    /// A signal is on its way or left for the end of a critical section: nothing to do.
    Pending,
    /// The thread is stopped, or about to decide whether it stops: nothing to do.
    Stopped,
    /// The thread has detached: there is nobody to ask.
    Gone,
}

/// What [`Word::arrive`] found.
#[must_use]
#[derive(Debug)]
pub(crate) enum Arrival<'a> {
    /// The thread counts as stopped from now on: decide, then `sleep` or `decline`.
    Stop(Stopping<'a>),
    /// Nobody has asked (a late or foreign signal): go on.
    Nothing,
}

/// What [`Word::resume`] did.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resume {
    /// The thread was stopped and goes on.
    Released,
    /// It was not stopped; nothing has changed.
    NotStopped,
}

/// The right and duty to end a stop that has begun.
#[must_use]
#[derive(Debug)]
pub(crate) struct Stopping<'a>(&'a Word);

/// The state word of one thread.
#[derive(Debug, Default)]
pub(crate) struct Word(Futex);

impl Word {
    /// A1, by anybody: asks the thread to stop.
    pub(crate) fn ask(&self, when: When) -> Ask {
        let word = &self.0.0;
        // Relaxed: only a first guess for the exchange below.
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            if seen & DETACHED != 0 {
                return Ask::Gone;
            }
            if seen & STOPPED != 0 {
                return Ask::Stopped;
            }
            // Mutant: takes the signal of a timer for one that is under way.
            let overtakes = when == When::Now && seen & LATER != 0 && !mutant("preempt_ask_now");
            // Mutant: does not look at `REQUESTED`, so that signals pile up.
            if seen & REQUESTED != 0 && !overtakes && !mutant("preempt_ask_once") {
                return Ask::Pending;
            }
            let later = if when == When::Later { LATER } else { 0 };
            let asked = (seen & !LATER | REQUESTED | later) + SENDER;
            // Release: pairs with Acquire in `arrive`; what was prepared for the stop (a successor)
            // is visible to the handler. Mutant: publishes nothing to the handler.
            let release =
                if mutant("preempt_ask_release") { Ordering::Relaxed } else { Ordering::Release };
            match word.compare_exchange_weak(seen, asked, release, Ordering::Relaxed) {
                Ok(_) => return Ask::Send,
                Err(now) => seen = now,
            }
        }
    }

    /// A3, after `Ask::Send`: the signal has been sent.
    pub(crate) fn sent(&self) {
        // Release: pairs with Acquire in `detach`; the sender's use of the thread's id is over.
        let before = self.0.0.fetch_sub(SENDER, Ordering::Release);
        self.wake_detacher(before);
    }

    /// A3, after `Ask::Send`: the signal could not be sent, so nobody may wait for it.
    ///
    /// When the thread served the request without the signal meanwhile (end of a critical section) and
    /// somebody asked anew, this takes the new one back; that asker's next tick asks again. Not one that has overtaken a
    /// request for `Later`, though: its signal is on its way.
    pub(crate) fn unsent(&self, when: When) {
        let taken_back = |seen: u32| {
            let overtaken = when == When::Later && seen & LATER == 0;
            (!overtaken || mutant("preempt_unsent_blind")).then_some(seen & !(REQUESTED | LATER))
        };
        // Relaxed, both: takes bits back; publishes nothing.
        let _ = self.0.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken_back);
        self.sent();
    }

    fn wake_detacher(&self, before: u32) {
        if before & DETACHED != 0 && before & SENDERS == SENDER {
            self.0.wake();
        }
    }

    /// H1, by the thread itself, in the handler or at the end of a critical section: takes the request.
    pub(crate) fn arrive(&self) -> Arrival<'_> {
        let word = &self.0.0;
        // Relaxed: only a first guess for the exchange below.
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            if seen & REQUESTED == 0 || seen & DETACHED != 0 {
                return Arrival::Nothing;
            }
            // Mutant: the handler decides first and sets `STOPPED` afterwards, in `sleep`.
            let stopped = seen & !(REQUESTED | LATER)
                | if mutant("preempt_stopped_late") { 0 } else { STOPPED };
            // Acquire: pairs with Release in `ask`. Release: pairs with Acquire in `is_stopped`; what
            // the thread did before the stop is visible to who sees it stopped.
            match word.compare_exchange_weak(seen, stopped, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Arrival::Stop(Stopping(self)),
                Err(now) => seen = now,
            }
        }
    }

    /// H1 without a request: the thread stops of its own will. A request that is under way is served
    /// with it.
    pub(crate) fn stop_now(&self) -> Stopping<'_> {
        let word = &self.0.0;
        // Release: pairs with Acquire in `is_stopped`, as in `arrive`. From here on nobody asks.
        word.fetch_or(STOPPED, Ordering::Release);
        // Acquire: pairs with Release in `ask`, whose request this may serve.
        word.fetch_and(!(REQUESTED | LATER), Ordering::Acquire);
        Stopping(self)
    }

    /// R1 and R2, by anybody who is entitled by the hand-over: lets the thread go on.
    pub(crate) fn resume(&self) -> Resume {
        // Release: pairs with Acquire in `sleep`; what the resumer has done (gave it a processor) is
        // visible to the thread. Acquire: pairs with Release in `arrive`. Mutant: publishes nothing to the thread that goes on.
        let order =
            if mutant("preempt_resume_release") { Ordering::Relaxed } else { Ordering::AcqRel };
        let before = self.0.0.fetch_and(!STOPPED, order);
        if before & STOPPED == 0 {
            return Resume::NotStopped;
        }
        self.0.wake();
        Resume::Released
    }

    /// D1 and D2, by the thread itself: nobody sends it a signal once this has returned.
    ///
    /// Blocks the thread while senders are between A1 and A3 (one system call long).
    pub(crate) fn detach(&self) {
        let word = &self.0.0;
        // Acquire: pairs with Release in `sent`.
        let mut seen = word.fetch_or(DETACHED, Ordering::Acquire) | DETACHED;
        // Mutant: does not wait for senders.
        while seen & SENDERS != 0 && !mutant("preempt_detach_wait") {
            self.0.wait(seen);
            // Acquire: pairs with Release in `sent`.
            seen = word.load(Ordering::Acquire);
        }
    }

    /// Whether a signal is on its way, or was, for a request that has not been served; not a timer's. By the thread itself.
    pub(crate) fn is_signalled(&self) -> bool {
        // Relaxed: as in `is_requested`.
        self.0.0.load(Ordering::Relaxed) & (REQUESTED | LATER) == REQUESTED
    }

    /// Whether `arrive` would stop: somebody has asked and has not been served. The two agree also on a
    /// thread that has detached with a request pending, or the end of a section would look for ever.
    #[inline]
    pub(crate) fn is_requested(&self) -> bool {
        // Relaxed: a look by the thread itself; `arrive` decides and synchronises.
        self.0.0.load(Ordering::Relaxed) & (REQUESTED | DETACHED) == REQUESTED
    }

    /// Whether the thread has begun to stop and has neither declined nor been resumed.
    pub(crate) fn is_stopped(&self) -> bool {
        // Acquire: pairs with Release in `arrive`.
        self.0.0.load(Ordering::Acquire) & STOPPED != 0
    }

    /// Whether the thread has detached.
    pub(crate) fn is_detached(&self) -> bool {
        // Acquire: pairs with nothing that anybody relies on; cheap and never on a fast path.
        self.0.0.load(Ordering::Acquire) & DETACHED != 0
    }
}

impl Stopping<'_> {
    /// H3: sleeps until `resume`, which may have come already. Async-signal-safe; EINTR, wake-ups
    /// without reason and changes of the other bits only lead round the loop.
    pub(crate) fn sleep(self) {
        let futex = &self.0.0;
        let word = &futex.0;
        // Mutant: as in `arrive`.
        if mutant("preempt_stopped_late") {
            word.fetch_or(STOPPED, Ordering::Release);
        }
        loop {
            // Acquire: pairs with Release in `resume`.
            let seen = word.load(Ordering::Acquire);
            if seen & STOPPED == 0 {
                return;
            }
            // Mutant: takes the expected value afresh, after the look at `STOPPED`.
            let expected =
                if mutant("preempt_sleep_recheck") { word.load(Ordering::Relaxed) } else { seen };
            futex.wait(expected);
        }
    }

    /// H3: goes on without sleeping. A resume that came meanwhile is used up.
    pub(crate) fn decline(self) {
        // Relaxed: nothing has been handed over, so there is nothing to publish.
        self.0.0.0.fetch_and(!STOPPED, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "word_tests.rs"]
mod tests;
