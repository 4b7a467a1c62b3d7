//! Trace events: what every M notes when somebody records a trace.
//!
//! Each M, and each monitor, writes into a ring of its own (`trace_ring.rs`), without locks; one reader takes the events out
//! ([`drain_trace`]). Off, a place that would note something costs the load of a flag. A ring that is full loses the event,
//! and counts it, without a look at the clock.

use std::ptr::NonNull;
use std::sync::Mutex;

use crate::arena::{self, MapVec};
use crate::config::MAX_PROCS;
use crate::g::GoId;
use crate::lock::Lock;
use crate::m::M;
use crate::p::P;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::ticks::{self, Scale};
use crate::trace_ring;
use crate::wait::WaitReason;

/// Events of a ring: at two million a second, 16 ms of a very busy M. A power of two.
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

/// An event as a ring has it.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    ticks: u64,
    g: GoId,
    m: u32,
    p: u16,
    kind: TraceKind,
}

/// Without a P.
const NO_P: u16 = u16::MAX;
const _: () = assert!(MAX_PROCS < NO_P as usize);
const _: () = assert!(size_of::<Note>() == 24);

static ON: AtomicBool = AtomicBool::new(false);
/// When it was turned on last, in ticks.
static BEGUN: AtomicU64 = AtomicU64::new(0);

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
        BEGUN.store(ticks::now(), Ordering::Relaxed); // Relaxed: published by `ON`, just below.
    }
    // Release: pairs with Acquire in `is_on`; publishes `BEGUN` and the choice of the clock (`ticks.rs`). When who sees it
    // does not matter: a few events more or less.
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
    put(m.trace_ring(), (kind, g, number_of(m.p()), m.id), ticks::now);
}

/// Notes that `g` gives way. If the M goes straight on to another goroutine, that one starts at the same moment:
/// [`note_start`].
#[inline]
pub(crate) fn note_stop(m: &M, reason: WaitReason, g: GoId) {
    if is_on() {
        note_stop_on(m, reason, g);
    }
}

#[cold]
fn note_stop_on(m: &M, reason: WaitReason, g: GoId) {
    let event = (TraceKind::Stop(reason), g, number_of(m.p()), m.id);
    m.left_at.set(put(m.trace_ring(), event, ticks::now));
}

/// Notes that `g` runs from now on.
#[inline]
pub(crate) fn note_start(m: &M, g: GoId) {
    if is_on() {
        note_start_on(m, g);
    }
}

#[cold]
fn note_start_on(m: &M, g: GoId) {
    let left_at = m.left_at.take();
    // One of an earlier trace, whose successor was not noted, is older.
    // Relaxed: `is_on` has acquired it.
    let is_recent = left_at > BEGUN.load(Ordering::Relaxed);
    let event = (TraceKind::Start, g, number_of(m.p()), m.id);
    put(m.trace_ring(), event, || if is_recent { left_at } else { ticks::now() });
}

/// Notes that `g`, whose thread is `stopped`, has been stopped on `p`. By the M that took over.
pub(crate) fn note_preempted(m: &M, stopped: &M, g: GoId, p: &P) {
    if is_on() {
        let kind = TraceKind::Stop(WaitReason::Preempted);
        put(m.trace_ring(), (kind, g, number_of(Some(p)), stopped.id), ticks::now);
    }
}

/// Notes that `g` goes on, on the thread `m` that sleeps in its signal handler and gets the P with this number. By whoever
/// lets it go on: until then it is the only writer of that thread's ring.
pub(crate) fn note_resumed(m: &M, g: GoId, p: &P) {
    if is_on() {
        put(m.trace_ring(), (TraceKind::Start, g, number_of(Some(p)), m.id), ticks::now);
    }
}

/// Notes what the monitor has done to `g`, whose thread is `m`. By that thread's runtime's monitor.
pub(crate) fn note_by_monitor(m: &M, kind: TraceKind, g: GoId, p: &P) {
    if is_on() {
        put(m.sched.monitor.trace_ring(), (kind, g, number_of(Some(p)), m.id), ticks::now);
    }
}

fn number_of(p: Option<&P>) -> u16 {
    p.map_or(NO_P, |p| p.index as u16)
}

/// Returns when it was; 0 if it is lost. Then nobody has looked at the clock.
#[inline]
fn put(
    ring: &Ring,
    (kind, g, p, m): (TraceKind, GoId, u16, usize),
    ticks: impl FnOnce() -> u64,
) -> u64 {
    let mut at = 0;
    // In a critical section, or with the thread stopped: no signal handler gets between.
    ring.put(|place| {
        at = ticks();
        // SAFETY: a place of the ring is aligned, and the writer's.
        unsafe { place.write(Note { ticks: at, g, m: m as u32, p, kind }) };
    });
    at
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
            let Note { ticks, g, m, p, kind } = unsafe { place.read() };
            let p = (p != NO_P).then_some(p.into());
            visit(TraceEvent { at: scale.nanos(ticks), kind, g, p, m: m as usize });
        });
        drained.lost += ring.lost();
    }
    drained
}
