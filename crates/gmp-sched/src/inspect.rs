//! Looking at all goroutines: for dumps, leak checks and the live view.
//!
//! There is no list of goroutines: spawning would have to keep it. Their headers lie in slots that are never anything
//! else (`slots.rs`), so looking at all of them is walking the slabs, and copying the header of each that is in use.

use std::panic::Location;
use std::ptr::NonNull;
use std::time::Duration;

use gmp_context::{Context, Frame};

use crate::clock;
use crate::g::{Described, G, GoId};
use crate::on_thread::{self, OnThread, Session};
use crate::scheduler::Scheduler;
use crate::slots;
use crate::sync::plain::Ordering;
use crate::sys;
use crate::wait::WaitReason;

/// Bytes of a name that [`inspect`] passes on.
const NAME: usize = 64;

/// What is known of a goroutine from outside.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GoroutineInfo {
    /// Its number.
    pub id: GoId,
    /// The name that its builder gave it, up to 64 bytes of it.
    pub name: Option<String>,
    /// What it does or waits for, in Go's words.
    pub state: &'static str,
    /// For how long it has been doing that, to the millisecond or two.
    pub since: Duration,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it; 0 for a plain thread.
    pub parent: GoId,
    /// Whether it is the main goroutine.
    pub is_main: bool,
    /// The bubble it belongs to; 0 for none.
    pub bubble: u16,
    /// Whether it is locked to its OS thread.
    pub locked: bool,
}

/// A goroutine as [`inspect`] shows it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// Its number.
    pub id: GoId,
    /// Its name, up to 64 bytes; empty if it has none.
    pub name: &'a [u8],
    /// What it does.
    pub state: WaitReason,
    /// For how many nanoseconds.
    pub since: u64,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it; 0 for a plain thread.
    pub parent: GoId,
    /// The bubble it belongs to; 0 for none.
    pub bubble: u16,
    /// Whether it is locked to its OS thread.
    pub locked: bool,
    /// Where it goes on, if it is parked; its stack, segments included, may be read during the call.
    pub parked: Option<Frame>,
}

/// Shows every goroutine of the running runtime to `visit` while nobody takes up a parked one, so that the stacks of
/// those can be walked. Called on a plain thread, or in a blocking section. Blocks the thread for microseconds, and
/// the whole runtime while it visits. Without a runtime it visits nobody.
///
/// One that has a thread may be shown twice: the second time as it is in the end. Those that have a thread, and so no parked
/// stack, are shown to `on_thread` with a copy of it. `interrupt` says that a thread which sleeps in a system call of which
/// the runtime was not told is to be asked for it where the kernel does not tell: the signal may end the call.
///
/// Neither closure may allocate or take a lock that user code can hold: it would wait for a goroutine that was stopped
/// with it, and does not go on.
pub fn inspect(
    interrupt: bool,
    visit: &mut dyn FnMut(&Seen<'_>),
    on_thread: &mut dyn FnMut(&OnThread<'_>),
) {
    let Some(sched) = Scheduler::try_current() else { return };
    // Before the freeze, and so given back after the thaw.
    let mut session = Session::begin();
    let now = clock::now();
    let frozen = sched.freeze();
    let mut look = |g| {
        // SAFETY: a slot.
        let seen = unsafe { described(sched, g) }?;
        let mut name = [0; NAME];
        // SAFETY: a slot.
        let len = unsafe { G::copy_name(g, seen.id, &mut name) };
        let parked = if frozen.still {
            // SAFETY: the runtime is frozen.
            unsafe { parked_at(g) }
        } else {
            None
        };
        visit(&Seen {
            id: seen.id,
            name: &name[..len],
            state: seen.state,
            since: now.saturating_sub(seen.since),
            spawned_at: seen.spawned_at,
            parent: seen.parent,
            bubble: seen.bubble,
            locked: seen.locked,
            parked,
        });
        Some(parked.is_none() && has_thread(seen.state))
    };
    let (mut moving, mut n) = ([NonNull::dangling(); MOVING], 0);
    slots::for_each(&mut |g| {
        if look(g) == Some(true) && n < MOVING {
            moving[n] = g;
            n += 1;
        }
    });
    on_thread::visit_all(sched, interrupt, &mut session, on_thread);
    // Looking at a hundred thousand takes a while, in which those that had a thread may have parked, for as long as the
    // freeze.
    for &g in &moving[..n] {
        look(g);
    }
}

/// Whether a goroutine has a thread that may take it on.
fn has_thread(state: WaitReason) -> bool {
    matches!(state, WaitReason::None | WaitReason::Blocking | WaitReason::Preempted)
}

/// How many of those that have a thread are looked at twice.
const MOVING: usize = 1024;

/// The word at `address`, if that is in a stack of the runtime. Whoever owns the stack may write it meanwhile.
pub fn peek(address: usize) -> Option<u64> {
    let mut word = [0; 8];
    gmp_context::stack_around(address)?;
    copy(address, &mut word).then(|| u64::from_ne_bytes(word))
}

/// Copies memory from `address` on, if all of it is mapped; who writes or unmaps it meanwhile is no harm. False also where the
/// system does not do such a thing. Neither allocates nor blocks.
pub fn copy(address: usize, to: &mut [u8]) -> bool {
    // SAFETY: room for them.
    unsafe { sys::peek(address, to.as_mut_ptr(), to.len()) }
}

/// Every goroutine of the running runtime at about this moment. Allocates; neither parks nor blocks.
pub fn goroutines() -> Vec<GoroutineInfo> {
    let Some(sched) = Scheduler::try_current() else { return Vec::new() };
    let now = clock::now();
    let mut all = Vec::new();
    let mut name = [0; NAME];
    slots::for_each(&mut |g| {
        // SAFETY: a slot.
        let Some(seen) = (unsafe { described(sched, g) }) else { return };
        // SAFETY: a slot.
        let len = unsafe { G::copy_name(g, seen.id, &mut name) };
        all.push(GoroutineInfo {
            id: seen.id,
            name: (len > 0).then(|| String::from_utf8_lossy(&name[..len]).into_owned()),
            state: seen.state.as_str(),
            since: Duration::from_nanos(now.saturating_sub(seen.since)),
            spawned_at: seen.spawned_at,
            parent: seen.parent,
            is_main: seen.id == sched.first_id,
            bubble: seen.bubble,
            locked: seen.locked,
        });
    });
    all.sort_by_key(|info| info.id);
    all
}

/// A processor as one looks at it from outside.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ProcessorInfo {
    /// Its number.
    pub index: usize,
    /// The thread that holds it, by its number.
    pub m: Option<usize>,
    /// The goroutine that runs there.
    pub g: Option<GoId>,
    /// How many wait in its queue.
    pub queued: usize,
    /// Times a goroutine began or went on there.
    pub switches: u64,
}

/// The processors in use, at about this moment; none without a runtime. Allocates; neither parks nor blocks.
pub fn processors() -> Vec<ProcessorInfo> {
    let Some(sched) = Scheduler::try_current() else { return Vec::new() };
    let look = |index| {
        let p = sched.proc(index);
        // Acquire: pairs with Release in `M::set_p`.
        // SAFETY: Ms are never freed.
        let m = unsafe { p.m.load(Ordering::Acquire).as_ref() };
        ProcessorInfo {
            index,
            m: m.map(|m| m.id),
            g: m.and_then(on_thread::running),
            queued: p.queued(),
            switches: p.counters.switches.get(),
        }
    };
    (0..sched.procs()).map(look).collect()
}

/// Calls `visit` with the state of every goroutine of the running runtime.
pub(crate) fn for_each_state(visit: &mut dyn FnMut(&'static str)) {
    let Some(sched) = Scheduler::try_current() else { return };
    slots::for_each(&mut |g| {
        // SAFETY: a slot.
        if let Some(seen) = unsafe { described(sched, g) } {
            visit(seen.state.as_str());
        }
    });
}

/// Describes the goroutine in a slot, if it is one of this runtime.
///
/// # Safety
///
/// `g` points to a slot.
unsafe fn described(sched: &Scheduler, g: NonNull<G>) -> Option<Described> {
    // SAFETY: contract.
    unsafe { G::describe(g) }.filter(|seen| seen.id >= sched.first_id)
}

/// Where a parked goroutine goes on.
///
/// # Safety
///
/// `g` points to the slot of a goroutine of a frozen runtime.
unsafe fn parked_at(g: NonNull<G>) -> Option<Frame> {
    // SAFETY: slots are never freed, and the field is atomic.
    let sp = unsafe { &(*g.as_ptr()).context }.peek()?;
    // SAFETY: a saved stack pointer.
    let context = unsafe { Context::from_ptr(sp) };
    // SAFETY: it was saved, and nobody continues it before the thaw.
    Some(unsafe { context.frame() })
}
