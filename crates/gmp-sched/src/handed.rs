//! How a P comes to a thread that waits for one: the box of a thread that sleeps on g0, and the ask of one that waits in
//! the middle of a goroutine.
//!
//! Both are waited for in the thread's parker (`wakeword.rs`). Whoever gives a P away owns it until he has written the
//! word that gives it, and not after; whoever waits owns it from when he has read that word.
//!
//! The box is for Ms that idle, for spares (H3 of `preempt.rs`), and for the M that a goroutine has locked itself to while
//! that one is parked:
//!
//! - **X1** the goroutine parks to g0 of its M, whatever else there is to run. Its commit (K3 of `park.rs`) makes it visible,
//!   so its turn may come before X2.
//! - **X2** its M gives its own P away, or lays it down, under the lock of the lists; it holds none from here on.
//! - **X3** the M looks into its box and whether the runtime stops, then sleeps; again until one of the two says so.
//! - **X4** who takes the goroutine out of a queue, and is not its M, says that nobody holds its own P, leaves the goroutine in
//!   the box, then the P (Release), then wakes the M, and looks for another P or idles. A handler (H3) says nothing: the
//!   P is seen to be the stopped one's until X5.
//! - **X5** the M takes the P out (Acquire), says that it holds it, and takes what it was left for: the goroutine is what it
//!   runs next. Not before it has looked, behind a fence, whether the runtime stops: then it touches nothing of the P. One that
//!   was stopped it queues before that, with a P that is seen to be held all the time.
//! - **X6** at the end (Z4 of `stop.rs`) the runtime says that it stops, takes the lock of the lists, and wakes every M that is
//!   locked. One whose X2 came before that lock is seen to be locked; one whose X2 comes after it sees that the runtime stops.
//!   A P that nobody holds is the end's own after a fence, also if it lies in the box of a thread that has ended.
//!
//! A box is filled once before it is emptied: who fills it has taken the M out of the list of idle ones, or its goroutine out
//! of a queue, and each is there once.
//!
//! The ask is for a thread that must not leave its goroutine: it comes back from a blocking section of a locked goroutine,
//! or has lost its P while it slept.
//!
//! - **A1** the thread opens its ask, then queues its goroutine, and sleeps until the ask is closed.
//! - **A2** who takes the goroutine out writes its P into the thread's hold (`hold.rs`), then closes the ask. It was open: he
//!   wakes the thread in its parker. It was not: the thread is stopped in its signal handler, and he lets it go on there.
//! - **A3** the thread sees the ask closed (Acquire): it has the P.
//!
//! Between the two halves of A2 a signal may come, find the P, and pass it on (H3): the goroutine is queued again, and
//! somebody else comes to A2 for it, perhaps before the first has closed the ask. Then one of the two closes it, the
//! other finds it closed: in either order the thread is woken once in its parker, and let go on once in its handler.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, Ordering, mutant};

const RUN: u32 = 0;
const SEARCH: u32 = 1;
const GOROUTINE: u32 = 2;
const STOPPED: u32 = 3;

/// What a P is handed over for.
#[derive(Debug)]
pub(crate) enum Errand<G, M> {
    /// To run what it has.
    Run,
    /// To search; the M is counted as a searcher.
    Search,
    /// To run this goroutine, which is locked to the M.
    Goroutine(NonNull<G>),
    /// To queue first the goroutine of this M, which was stopped.
    Stopped(NonNull<M>),
}

/// The box of one M. `P` is what it is handed, `G` and `M` what for.
#[derive(Debug)]
pub(crate) struct Handed<P, G, M> {
    p: AtomicPtr<P>,
    /// Which errand; with the next two published by `p`.
    kind: AtomicU32,
    g: AtomicPtr<G>,
    m: AtomicPtr<M>,
}

impl<P, G, M> Handed<P, G, M> {
    /// Nothing in it.
    pub(crate) fn new() -> Handed<P, G, M> {
        Handed {
            p: AtomicPtr::new(ptr::null_mut()),
            kind: AtomicU32::new(RUN),
            g: AtomicPtr::new(ptr::null_mut()),
            m: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// X4, before the wake: gives `p` away. Async-signal-safe.
    pub(crate) fn put(&self, p: *mut P, errand: Errand<G, M>) {
        if mutant("handed_errand_late") {
            self.p.store(p, Ordering::Release);
            return self.write(errand);
        }
        self.write(errand);
        let order = if mutant("handed_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release (X4): pairs with Acquire in `take`; the errand, and what belongs to the P.
        self.p.store(p, order);
    }

    fn write(&self, errand: Errand<G, M>) {
        let kind = match errand {
            Errand::Run => RUN,
            Errand::Search => SEARCH,
            Errand::Goroutine(g) => {
                self.g.store(g.as_ptr(), Ordering::Relaxed); // Relaxed: published by `p`.
                GOROUTINE
            }
            Errand::Stopped(m) => {
                self.m.store(m.as_ptr(), Ordering::Relaxed); // Relaxed: as above.
                STOPPED
            }
        };
        self.kind.store(kind, Ordering::Relaxed); // Relaxed: as above.
    }

    /// X5: what is in it, once. By the M.
    pub(crate) fn take(&self) -> Option<(NonNull<P>, Errand<G, M>)> {
        // Acquire (X5): pairs with Release in `put`.
        let p = NonNull::new(self.p.load(Ordering::Acquire))?;
        // Relaxed: nobody fills a box before its M can be found again.
        self.p.store(ptr::null_mut(), Ordering::Relaxed);
        // Relaxed, all: published by `p`.
        let errand =
            match self.kind.load(Ordering::Relaxed) {
                SEARCH => Errand::Search,
                GOROUTINE => NonNull::new(self.g.load(Ordering::Relaxed))
                    .map_or(Errand::Run, Errand::Goroutine),
                STOPPED => NonNull::new(self.m.load(Ordering::Relaxed))
                    .map_or(Errand::Run, Errand::Stopped),
                _ => Errand::Run,
            };
        Some((p, errand))
    }

    /// Whether something is in it: a hint.
    pub(crate) fn is_full(&self) -> bool {
        // Relaxed: `take` synchronises.
        !self.p.load(Ordering::Relaxed).is_null()
    }
}

/// X3: sleeps until `take` has found something in the box (true), or the runtime `stops` (false).
pub(crate) fn wait(
    mut take: impl FnMut() -> bool,
    stops: impl Fn() -> bool,
    mut sleep: impl FnMut(),
) -> bool {
    let once = mutant("handed_looks_once").then(&stops);
    loop {
        if take() {
            return true;
        }
        if once.unwrap_or_else(&stops) {
            return false;
        }
        sleep();
    }
}

/// Whether a thread asks for a P in the middle of a goroutine.
#[derive(Debug)]
pub(crate) struct Ask(AtomicBool);

/// Where the thread is that was given a P.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rests {
    /// In its parker: notify it.
    InParker,
    /// In its signal handler: resume it.
    InHandler,
}

impl Ask {
    /// It does not.
    pub(crate) fn new() -> Ask {
        Ask(AtomicBool::new(false))
    }

    /// A1, before the goroutine is queued. By the thread.
    pub(crate) fn open(&self) {
        // Release: pairs with AcqRel in `close`, and with Acquire in `is_open` for the end of the runtime.
        self.0.store(true, Ordering::Release);
    }

    /// A2, its second half: the P is in the thread's hold.
    pub(crate) fn close(&self) -> Rests {
        if mutant("ask_close_blind") {
            // Not a read-modify-write: two who come at once both find it open.
            let open = self.0.load(Ordering::Acquire);
            self.0.store(false, Ordering::Release);
            return if open { Rests::InParker } else { Rests::InHandler };
        }
        let order = if mutant("ask_relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // Release (A2): pairs with Acquire in `is_open`; the P in the hold, and what belongs to it. Acquire: with `open`.
        if self.0.swap(false, order) { Rests::InParker } else { Rests::InHandler }
    }

    /// A3: whether the thread still waits in its parker. By the thread; also by the end of the runtime, which lets those
    /// rest that do.
    pub(crate) fn is_open(&self) -> bool {
        // Acquire: pairs with AcqRel in `close`, and with Release in `open`.
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
#[path = "handed_tests.rs"]
mod tests;
