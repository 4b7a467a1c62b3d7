//! Trace events: what every M notes when somebody records a trace.
//!
//! Each M, and each monitor, writes into a ring of its own (`trace_ring.rs`), without locks; one reader takes the events out
//! ([`drain_trace`]). An M that goes straight from one goroutine to the next notes that in one place of the ring, with one
//! time. Off, whoever would note something pays for the load of a flag. A ring that is full loses the event, and counts it,
//! without a look at the clock.

use std::ptr::NonNull;
use std::sync::Mutex;

use crate::arena::{self, MapVec};
use crate::config::MAX_PROCS;
use crate::g::GoId;
use crate::lock::Lock;
use crate::m::M;
use crate::p::P;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::ticks::{self, Scale};
use crate::trace_ring;
use crate::wait::WaitReason;

/// Places of a ring, one for an event or for both of a switch: at two million a second, 16 ms of a very busy M. A power of
/// two.
const CAPACITY: u64 = 1 << 15;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceKind {
    /// The goroutine runs from now on.
    Start,
    /// It gives way, for this reason.
    Stop(WaitReason),
    /// It has ended.
    End,
    /// It was made runnable.
    Ready,
    /// It was spawned.
    Spawn,
    /// It was taken from another P, with others perhaps.
    Steal,
}

/// One event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TraceEvent {
    /// Nanoseconds of the monotonic clock since some moment.
    pub at: u64,
    /// What happened.
    pub kind: TraceKind,
    /// To whom.
    pub g: GoId,
    /// On which P, if on any.
    pub p: Option<usize>,
    /// On which M.
    pub m: usize,
}

/// One event as a ring has it, or the two of a switch.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    ticks: u64,
    g: GoId,
    /// Who starts in its place, at the same moment.
    next: GoId,
    m: u32,
    p: u16,
    kind: TraceKind,
}

/// Without a P.
const NO_P: u16 = u16::MAX;
const _: () = assert!(MAX_PROCS < NO_P as usize);
/// Nobody starts.
const NOBODY: GoId = GoId(0);
const _: () = assert!(size_of::<Note>() == 32);

static ON: AtomicBool = AtomicBool::new(false);

/// The events of one M, or of a monitor.
pub(crate) type Ring = trace_ring::Ring<Note>;

struct Rings(MapVec<&'static Ring>);

// SAFETY: rings are shared freely.
unsafe impl Send for Rings {}

/// All rings there are. They are never freed.
static RINGS: Lock<Rings> = Lock::new(Rings(MapVec::new()));

/// Turns the noting on or off. Blocks the thread for some milliseconds, the first time.
pub fn set_tracing(on: bool) {
    if on {
        Scale::get();
    }
    // Release: pairs with Acquire in `is_on`; publishes the choice of the clock (`ticks.rs`). When who sees it does not
    // matter: a few events more or less.
    ON.store(on, Ordering::Release);
}

/// Whether anything is to be noted.
#[inline]
fn is_on() -> bool {
    ON.load(Ordering::Acquire) // Acquire: pairs with Release in `set_tracing`.
}

/// Notes an event of the goroutine `g`, by the M that the caller runs on.
#[inline]
pub(crate) fn note(m: &M, kind: TraceKind, g: GoId) {
    if is_on() {
        note_on(m, kind, g);
    }
}

#[cold]
fn note_on(m: &M, kind: TraceKind, g: GoId) {
    note_both(m, kind, g, NOBODY);
}

/// Notes that `left` gives way, for this reason, and that the M goes straight on to `next`: two events of one moment in one
/// place, with one look at the clock.
#[inline]
pub(crate) fn note_switch(m: &M, left: GoId, reason: WaitReason, next: GoId) {
    if is_on() {
        note_switch_on(m, left, reason, next);
    }
}

#[cold]
fn note_switch_on(m: &M, left: GoId, reason: WaitReason, next: GoId) {
    note_both(m, TraceKind::Stop(reason), left, next);
}

/// Nothing that it calls returns here, so that it need not save registers: 1.6 ns less for the four of a round trip
/// (docs/experiments.md, "What seeing costs").
#[inline]
fn note_both(m: &M, kind: TraceKind, g: GoId, next: GoId) {
    match m.ring() {
        Some(ring) if ticks::are_counted() => {
            put(ring, (kind, g, next, number_of(m.p()), m.id), ticks::counted);
        }
        _ => note_slowly(m, kind, g, next),
    }
}

/// The first event of an M, and every one where the clock is the system's.
#[inline(never)]
fn note_slowly(m: &M, kind: TraceKind, g: GoId, next: GoId) {
    put(m.trace_ring(), (kind, g, next, number_of(m.p()), m.id), ticks::now);
}

/// Notes that `g`, whose thread is `stopped`, has been stopped on `p`. By the M that took over.
pub(crate) fn note_preempted(m: &M, stopped: &M, g: GoId, p: &P) {
    if is_on() {
        let kind = TraceKind::Stop(WaitReason::Preempted);
        let event = (kind, g, NOBODY, number_of(Some(p)), stopped.id);
        put(m.trace_ring(), event, ticks::now);
    }
}

/// Notes that `g` goes on, on the thread `m` that sleeps in its signal handler and gets the P with this number. By whoever
/// lets it go on: until then it is the only writer of that thread's ring.
pub(crate) fn note_resumed(m: &M, g: GoId, p: &P) {
    if is_on() {
        let event = (TraceKind::Start, g, NOBODY, number_of(Some(p)), m.id);
        put(m.trace_ring(), event, ticks::now);
    }
}

/// Notes what the monitor has done to `g`, whose thread is `m`. By that thread's runtime's monitor.
pub(crate) fn note_by_monitor(m: &M, kind: TraceKind, g: GoId, p: &P) {
    if is_on() {
        let event = (kind, g, NOBODY, number_of(Some(p)), m.id);
        put(m.sched.monitor.trace_ring(), event, ticks::now);
    }
}

fn number_of(p: Option<&P>) -> u16 {
    p.map_or(NO_P, |p| p.index as u16)
}

/// In a critical section, with the thread stopped, or by the monitor, which is sent no signal: no handler gets between. Nobody looks at the clock if there is
/// no room.
#[inline]
fn put(
    ring: &Ring,
    (kind, g, next, p, m): (TraceKind, GoId, GoId, u16, usize),
    ticks: impl FnOnce() -> u64,
) {
    let events = 1 + u64::from(next != NOBODY);
    ring.put(events, |place| {
        let note = Note { ticks: ticks(), g, next, m: m as u32, p, kind };
        // SAFETY: a place of the ring is aligned, and the writer's.
        unsafe { place.write(note) };
    });
}

/// A ring, for an M or a monitor that has none yet. Maps memory; not in signal handlers.
pub(crate) fn new_ring() -> &'static Ring {
    let events: NonNull<Note> = arena::map(CAPACITY as usize * size_of::<Note>()).cast();
    let place = arena::map(size_of::<Ring>()).cast::<Ring>();
    // SAFETY: a mapping of that size, which is never unmapped.
    let ring = unsafe { Ring::new(events, CAPACITY) };
    // SAFETY: a fresh mapping, large enough and aligned to a page.
    unsafe { place.write(ring) };
    // SAFETY: written just now, never unmapped.
    let ring = unsafe { place.as_ref() };
    RINGS.lock().0.push(ring);
    ring
}

/// What taking out events has come to.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Drained {
    /// When it began, as events have it: what was noted before was there.
    pub at: u64,
    /// How many events were lost so far.
    pub lost: u64,
}

/// Takes out all events that are there, those of one M as it has noted them. Blocks the thread while another one is at it,
/// and for some milliseconds before there was any trace; `visit` must not call this.
pub fn drain_trace(visit: &mut dyn FnMut(TraceEvent)) -> Drained {
    // Rings have one reader at a time.
    static READER: Mutex<()> = Mutex::new(());
    let _turn = READER.lock().unwrap_or_else(|e| e.into_inner());
    let scale = Scale::get();
    let mut drained = Drained { at: scale.nanos(ticks::now()), lost: 0 };
    for index in 0.. {
        let ring = RINGS.lock().0.get(index).copied();
        let Some(ring) = ring else { break };
        ring.drain(|place| {
            // SAFETY: written, and the reader's for the moment.
            let Note { ticks, g, next, m, p, kind } = unsafe { place.read() };
            let p = (p != NO_P).then_some(p.into());
            let event = TraceEvent { at: scale.nanos(ticks), kind, g, p, m: m as usize };
            visit(event);
            if next != NOBODY {
                visit(TraceEvent { kind: TraceKind::Start, g: next, ..event });
            }
        });
        drained.lost += ring.lost();
    }
    drained
}
