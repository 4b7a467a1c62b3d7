//! Trace events: what every M notes when somebody records a trace.
//!
//! Each M writes into a ring of its own (`trace_ring.rs`), without locks; one reader takes the events out
//! ([`drain_trace`]). Off, a place that would note something costs the load of a flag. A ring that is full loses the event,
//! and counts it.

use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock};

use crate::arena::{self, MapVec};
use crate::clock;
use crate::g::GoId;
use crate::lock::Lock;
use crate::m::M;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::trace_ring;
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
pub(crate) type Ring = trace_ring::Ring<TraceEvent>;

struct Rings(MapVec<&'static Ring>);

// SAFETY: rings are shared freely.
unsafe impl Send for Rings {}

/// All rings there are. They are never freed.
static RINGS: Lock<Rings> = Lock::new(Rings(MapVec::new()));

/// Turns the noting on or off.
pub fn set_tracing(on: bool) {
    ON.store(on, Ordering::Relaxed); // Relaxed: nothing is published; a few events more or less do not matter.
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
    put(m.trace_ring(), kind, g, m.p().map_or(NO_P, |p| p.index), m.id);
}

/// Without a P.
const NO_P: usize = usize::MAX;

/// Notes that `g` goes on, on the thread `m` that sleeps in its signal handler and gets the P with this number. By whoever
/// lets it go on: until then it is the only writer of that thread's ring.
pub(crate) fn note_resumed(m: &M, g: GoId, p: usize) {
    // Relaxed: see `set_tracing`.
    if ON.load(Ordering::Relaxed) {
        put(m.trace_ring(), TraceKind::Start, g, p, m.id);
    }
}

/// Notes what the monitor has done to `g`, whose thread is `m`. By the monitor.
pub(crate) fn note_by_monitor(m: &M, kind: TraceKind, g: GoId, p: usize) {
    static MONITOR: OnceLock<&'static Ring> = OnceLock::new();
    // Relaxed: see `set_tracing`.
    if ON.load(Ordering::Relaxed) {
        put(MONITOR.get_or_init(new_ring), kind, g, p, m.id);
    }
}

fn put(ring: &Ring, kind: TraceKind, g: GoId, p: usize, m: usize) {
    let event = TraceEvent { at: clock::now(), kind, g, p, m };
    // In a critical section, or with the thread stopped: no signal handler gets between.
    // SAFETY: a place of the ring is aligned, and the writer's.
    if !ring.put(|place| unsafe { place.write(event) }) {
        LOST.fetch_add(1, Ordering::Relaxed); // Relaxed: a figure.
    }
}

/// A ring, for an M that has none yet. Maps memory; not in signal handlers.
pub(crate) fn new_ring() -> &'static Ring {
    let events: NonNull<TraceEvent> =
        arena::map(CAPACITY as usize * size_of::<TraceEvent>()).cast();
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

/// Takes out all events that are there, those of one M in their order. Returns how many were lost so far. Blocks the thread
/// while another one is at it; `visit` must not call this.
pub fn drain_trace(visit: &mut dyn FnMut(TraceEvent)) -> u64 {
    // Rings have one reader at a time.
    static READER: Mutex<()> = Mutex::new(());
    let _turn = READER.lock().unwrap_or_else(|e| e.into_inner());
    for index in 0.. {
        let ring = RINGS.lock().0.get(index).copied();
        let Some(ring) = ring else { break };
        // SAFETY: written, and the reader's for the moment.
        ring.drain(|place| visit(unsafe { place.read() }));
    }
    LOST.load(Ordering::Relaxed) // Relaxed: a figure.
}
