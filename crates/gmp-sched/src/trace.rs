//! Trace events: what every M notes when somebody records a trace.
//!
//! Each M writes into a ring of its own, without locks; one reader takes the events out ([`drain_trace`]). Off, a place that
//! would note something costs the load of a flag.
//!
//! ```text
//!   M: written ──▶ ░░▓▓▓▓▓▓░░ ◀── read: reader      full: the event is lost, and counted
//! ```

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use crate::arena::{self, MapVec};
use crate::clock;
use crate::g::GoId;
use crate::lock::Lock;
use crate::m::M;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::wait::WaitReason;

/// Events of a ring: at two million a second, 16 ms of a very busy M.
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
    /// On which P.
    pub p: usize,
    /// On which M.
    pub m: usize,
}

static ON: AtomicBool = AtomicBool::new(false);
static LOST: AtomicU64 = AtomicU64::new(0);

/// The events of one M.
pub(crate) struct Ring {
    written: AtomicU64,
    read: AtomicU64,
    events: NonNull<UnsafeCell<TraceEvent>>,
}

// SAFETY: an event between `read` and `written` is the reader's, the others are the writer's.
unsafe impl Sync for Ring {}

struct Rings(MapVec<&'static Ring>);

// SAFETY: rings are shared freely.
unsafe impl Send for Rings {}

/// All rings there are. They are never freed.
static RINGS: Lock<Rings> = Lock::new(Rings(MapVec::new()));

/// Turns the noting on or off.
pub fn set_tracing(on: bool) {
    ON.store(on, Ordering::Release); // Release: nothing is published; a few events more or less do not matter.
}

/// Notes an event of the goroutine `g`, by the M that the caller runs on.
#[inline]
pub(crate) fn note(m: &M, kind: TraceKind, g: GoId) {
    // Relaxed: see `set_tracing`.
    if ON.load(Ordering::Relaxed) {
        note_on(m, kind, g);
    }
}

#[cold]
fn note_on(m: &M, kind: TraceKind, g: GoId) {
    let ring = m.trace_ring();
    let event =
        TraceEvent { at: clock::now(), kind, g, p: m.p().map_or(usize::MAX, |p| p.index), m: m.id };
    // Relaxed: only this M writes it.
    let at = ring.written.load(Ordering::Relaxed);
    // Acquire: pairs with Release in `drain`: the reader has done with the place.
    if at - ring.read.load(Ordering::Acquire) >= CAPACITY {
        LOST.fetch_add(1, Ordering::Relaxed); // Relaxed: a figure.
        return;
    }
    // SAFETY: inside the mapping.
    let place = unsafe { ring.events.add((at % CAPACITY) as usize) };
    // SAFETY: the writer's (see `Ring`); a signal handler does not get between, since sections are critical here.
    unsafe { UnsafeCell::raw_get(place.as_ptr()).write(event) };
    ring.written.store(at + 1, Ordering::Release); // Release: pairs with Acquire in `drain`.
}

/// A ring, for an M that has none yet. Maps memory; not in signal handlers.
pub(crate) fn new_ring() -> &'static Ring {
    let events = arena::map(CAPACITY as usize * size_of::<TraceEvent>()).cast();
    let place = arena::map(size_of::<Ring>()).cast::<Ring>();
    let ring = Ring { written: AtomicU64::new(0), read: AtomicU64::new(0), events };
    // SAFETY: a fresh mapping, large enough and aligned to a page.
    unsafe { place.write(ring) };
    // SAFETY: written just now, never unmapped.
    let ring = unsafe { place.as_ref() };
    RINGS.lock().0.push(ring);
    ring
}

/// Takes out all events that are there, those of one M in their order. One reader at a time. Returns how many were lost
/// so far.
pub fn drain_trace(visit: &mut dyn FnMut(TraceEvent)) -> u64 {
    for index in 0.. {
        let ring = RINGS.lock().0.get(index).copied();
        let Some(ring) = ring else { break };
        // Acquire: pairs with Release in `note_on`.
        let end = ring.written.load(Ordering::Acquire);
        // Relaxed: only the reader writes it.
        for at in ring.read.load(Ordering::Relaxed)..end {
            // SAFETY: inside the mapping.
            let place = unsafe { ring.events.add((at % CAPACITY) as usize) };
            // SAFETY: written, and the reader's until `read` moves on.
            visit(unsafe { UnsafeCell::raw_get(place.as_ptr()).read() });
        }
        ring.read.store(end, Ordering::Release); // Release: pairs with Acquire in `note_on`.
    }
    LOST.load(Ordering::Relaxed) // Relaxed: a figure.
}
