//! Running goroutines: the loop on g0, the switch from one goroutine to the next, and a stack's life.
//!
//! A goroutine that parks switches straight to its successor when one is at hand; g0, the thread's own
//! stack, is for searching and idling. A goroutine that ends lets an unstarted successor begin on the same
//! hot stack, without a switch. The stack is attached at the first run: a queued goroutine is its closure.

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;

use gmp_context::{Commit, Context};

use crate::fatal;
use crate::find::{self, Found};
use crate::finish::{Ended, finish};
use crate::freeze;
use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::sync::plain::Ordering;
use crate::trace::{self, TraceKind};
use crate::wait::WaitReason;

/// Every so many dispatches a P looks beyond its own ring: global queue, timers, descriptors. Go's figure:
/// prime, so that it does not beat against patterns in the program.
pub(crate) const CHECK_EVERY: u32 = 61;

/// The loop of an M: find a goroutine, run it until it gives way with no successor at hand, again. Returns
/// when the runtime stops. On g0, in a critical section.
pub(crate) fn schedule(m: &'static M) {
    loop {
        match find::find(m) {
            Found::Run(g) => {
                freeze::check(m);
                execute(m, g);
            }
            Found::Stop => return,
        }
    }
}

/// Runs `g` from g0, or passes this M's P to the thread that it is tied to.
fn execute(m: &'static M, g: NonNull<G>) {
    // SAFETY: taken out of a queue, so it is this M's to run.
    let header = unsafe { g.as_ref() };
    if let Some(thread) = header.tied().filter(|thread| !std::ptr::eq(*thread, m)) {
        return m.sched.continue_on(m, g, thread);
    }
    let Some(p) = m.p() else { return m.sched.inject(g) };
    p.counters.switches.bump();
    let target = context_of(p, m, g);
    trace::note(m, TraceKind::Start, header.id());
    m.set_g(Some(g));
    // SAFETY: `target` is `g`'s saved context and nobody else runs it; `keep_g0` gets this M.
    unsafe { gmp_context::switch(target, keep_g0, as_word(m), as_word(m)) };
    // Back on g0 of the same thread: whoever switched here has set `g` to none.
}

/// Commit of leaving g0.
unsafe extern "C" fn keep_g0(leaving: Context, m: *mut ()) {
    // SAFETY: the M that left, which is this thread's.
    unsafe { from_word(m) }.g0.set(Some(leaving));
}

fn as_word(m: &'static M) -> *mut () {
    std::ptr::from_ref(m).cast_mut().cast()
}

/// # Safety
///
/// `word` must come from `as_word`.
unsafe fn from_word(word: *mut ()) -> &'static M {
    // SAFETY: Ms are never freed.
    unsafe { &*word.cast::<M>() }
}

/// Where `g` continues; an unstarted one gets a stack first.
#[inline]
fn context_of(p: &P, m: &M, g: NonNull<G>) -> Context {
    // SAFETY: the caller has taken `g` to run it.
    let header = unsafe { g.as_ref() };
    match header.context.take() {
        Some(context) => context,
        None => start(p, m, header),
    }
}

/// Attaches a stack to an unstarted goroutine.
#[inline(never)]
fn start(p: &P, m: &M, header: &G) -> Context {
    let default = header.stack_class() == m.sched.stack_class;
    let cached = if default { p.cached_stack() } else { None };
    let stack = cached.unwrap_or_else(|| m.sched.stacks.take(header.stack_size()));
    // SAFETY: the stack is nobody else's; `goroutine_main` takes what `switch` passes and never returns.
    let context = unsafe { gmp_context::prepare(stack.top(), goroutine_main) };
    header.stack.set(Some(stack));
    context
}

/// Leaves the current stack for the next goroutine, or g0: in any case for g0 if the goroutine that leaves, `left`, is
/// locked to this thread, which then runs no other. On return the caller has been resumed, on the
/// M that is returned, in a critical section of that M.
///
/// # Safety
///
/// In a critical section of `m`, which the successor closes; `commit` and `arg` are for [`gmp_context::switch`].
#[inline(always)]
pub(crate) unsafe fn switch_away(
    m: &'static M,
    left: &G,
    reason: WaitReason,
    commit: Commit,
    arg: *mut (),
) -> &'static M {
    let next = m.p().filter(|_| !left.is_locked()).and_then(|p| Some((p, pick(p, m)?)));
    let target = match next {
        Some((p, g)) => {
            // SAFETY: just taken out of a queue.
            trace::note_switch(m, left.id(), reason, unsafe { g.as_ref() }.id());
            let context = context_of(p, m, g);
            m.set_g(Some(g));
            context
        }
        None => {
            trace::note(m, TraceKind::Stop(reason), left.id());
            to_g0(m)
        }
    };
    // SAFETY: the target is a saved context that this M alone resumes; the commit is the caller's.
    let word = unsafe { gmp_context::switch(target, commit, arg, as_word(m)) };
    // SAFETY: every switch passes the M that performs it.
    unsafe { from_word(word) }
}

/// The context of this M's g0.
#[inline(never)]
fn to_g0(m: &M) -> Context {
    m.set_g(None);
    m.g0.take()
        .unwrap_or_else(|| fatal::abort("a goroutine runs on an M that has no scheduler stack"))
}

/// The next goroutine of this P, if nothing needs g0's attention. What a hand-over takes is inlined.
#[inline(always)]
fn pick(p: &'static P, m: &M) -> Option<NonNull<G>> {
    let d = p.dispatches.get().wrapping_add(1);
    p.dispatches.set(d);
    // Relaxed: asked by the monitor; seen soon enough.
    if d % CHECK_EVERY == 0 || p.preempt.load(Ordering::Relaxed) || m.sched.is_stopping() {
        return None;
    }
    let g = p.take_next().or_else(|| from_ring(p))?;
    // SAFETY: just taken out of a queue.
    if unsafe { g.as_ref() }.tied().is_some() {
        m.pending.set(Some(g));
        return None;
    }
    p.counters.switches.bump();
    Some(g)
}

/// The next one of this P when none was made ready.
#[inline(never)]
fn from_ring(p: &'static P) -> Option<NonNull<G>> {
    p.newest().or_else(|| p.next_in_turn())
}

/// What begins on a stack. Goroutines' panics are caught by their tasks; one of the scheduler's own would find no frame that
/// catches it, and the unwinder would only say so (`_URC_END_OF_STACK`): here it is said what it was.
unsafe extern "C" fn goroutine_main(
    leaving: Context,
    commit: Commit,
    arg: *mut (),
    word: *mut (),
) -> ! {
    // SAFETY: what `switch` passed; the entry runs it first.
    unsafe { commit(leaving, arg) };
    // SAFETY: every switch passes the M that performs it.
    let m = unsafe { from_word(word) };
    let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| live(m)));
    fatal::panicked("on a goroutine's stack", &*panic)
}

/// A stack's life: runs one goroutine after the other, as long as the next one has not begun elsewhere.
fn live(mut m: &'static M) -> Infallible {
    loop {
        let Some(g) = m.g() else { fatal::abort("a stack was entered without a goroutine") };
        // SAFETY: alive: it has not run.
        let header = unsafe { g.as_ref() };
        header.resumed(m);
        let run = header.vtable.run;
        m.leave_critical();
        // SAFETY: unstarted, and this is its stack. Never unwinds.
        unsafe { run(g) };
        // SAFETY: it has run to its end, here.
        let ended = unsafe { finish(g) };
        m = ended.m;
        // The goroutine is gone; this stack now belongs to nobody but the loop.
        match next_unstarted(ended) {
            Next::Here => continue,
            // SAFETY: this stack is given away by the commit, after the switch; nobody comes back to it.
            Next::Switch(target) => unsafe {
                gmp_context::leave(target, free_stack, as_word(m), as_word(m));
            },
        }
    }
}

/// What follows the end of a goroutine.
enum Next {
    /// Another one begins on the same stack.
    Here,
    /// Leave this stack for good.
    Switch(Context),
}

/// Picks the successor of a goroutine that ended, and leaves its stack with it or with the M.
#[inline]
fn next_unstarted(ended: Ended) -> Next {
    let Ended { m, p, stack, class } = ended;
    let d = p.dispatches.get().wrapping_add(1);
    p.dispatches.set(d);
    // Relaxed: asked by the monitor; seen soon enough.
    let attention =
        d % CHECK_EVERY == 0 || p.preempt.load(Ordering::Relaxed) || m.sched.is_stopping();
    let next = if attention { None } else { p.next_in_slice().or_else(|| p.next_in_turn()) };
    let Some(g) = next else {
        m.dying.set(Some(stack));
        return Next::Switch(to_g0(m));
    };
    // SAFETY: just taken out of a queue.
    let header = unsafe { g.as_ref() };
    if header.tied().is_some() {
        m.pending.set(Some(g));
        m.dying.set(Some(stack));
        return Next::Switch(to_g0(m));
    }
    p.counters.switches.bump();
    trace::note(m, TraceKind::Start, header.id());
    m.set_g(Some(g));
    if let Some(context) = header.context.take() {
        m.dying.set(Some(stack));
        return Next::Switch(context);
    }
    if header.stack_class() == class {
        if class != m.sched.stack_class {
            // The one that ended leaves its stack; the reservation of the one that begins is not needed.
            m.sched.stacks.unreserve(stack.size(), 1);
        }
        header.stack.set(Some(stack));
        return Next::Here;
    }
    m.dying.set(Some(stack));
    Next::Switch(start(p, m, header))
}

/// Commit of leaving a stack for good: nobody runs on it any more.
unsafe extern "C" fn free_stack(_leaving: Context, m: *mut ()) {
    // SAFETY: the M that performed the switch, which is this thread's.
    let m = unsafe { from_word(m) };
    let Some(stack) = m.dying.take() else { return };
    let (stacks, size) = (m.sched.stacks, stack.size());
    if size != m.sched.config.stack_size {
        stacks.give(stack);
        return stacks.unreserve(size, 1);
    }
    let over = match m.p() {
        Some(p) => p.cache_stack(stack),
        None => Some(stack),
    };
    if let Some(stack) = over {
        stacks.give(stack);
    }
}
