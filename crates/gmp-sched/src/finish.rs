//! The end of a goroutine, on its own stack: it lets go of its task, and is forgotten by its M.
//!
//! While an M runs a goroutine it may be stopped, and is resumed through the goroutine's header; so the task must not be
//! anybody else's before the section is open in which the M forgets it. What nobody wants is dropped before that, where
//! user code may run.

use std::ptr::{self, NonNull};

use gmp_context::Stack;

use crate::bubble;
use crate::critical::critical;
use crate::fatal;
use crate::g::G;
use crate::join::Finish;
use crate::join_future::Bell;
use crate::m::M;
use crate::p::P;
use crate::sync::plain::Ordering;
use crate::task;
use crate::trace::{self, TraceKind};
use crate::wait::Waiter;

/// What a goroutine that has ended leaves to the loop of its stack.
pub(crate) struct Ended {
    /// The M that it ended on, in a critical section.
    pub(crate) m: &'static M,
    /// The P of that M.
    pub(crate) p: &'static P,
    /// The stack, which the caller still runs on.
    pub(crate) stack: Stack,
    /// Logarithm of its reserve in bytes.
    pub(crate) class: u8,
}

/// `g` has run to its end: lets go of its task.
///
/// # Safety
///
/// Called once by the stack's loop after the task has run, outside critical sections.
#[inline]
pub(crate) unsafe fn finish(g: NonNull<G>) -> Ended {
    // SAFETY: alive: it has not let go of its task.
    let header = unsafe { g.as_ref() };
    let mut dropped = header.join.is_detached();
    if dropped {
        // SAFETY: there is no handle any more.
        unsafe { drop_task(g) };
    }
    let (bubble, class) = (header.bubble(), header.stack_class());
    let mut counted = false;
    let (m, p, stack) = loop {
        let (m, p) = open_section();
        let Some(stack) = header.stack.take() else {
            fatal::abort("a goroutine ended without a stack")
        };
        if !std::mem::replace(&mut counted, true) {
            // Before a handle can say that it has ended: who has joined it does not count it any more.
            p.counters.finished.bump();
        }
        // In each turn: it may have been stopped in between, and was seen again.
        header.dead();
        trace::note(m, TraceKind::End, header.id());
        match header.join.finish() {
            Finish::Left => break (m, p, stack),
            Finish::Ready(waiter) => {
                // SAFETY: registered by `JoinHandle::join`.
                let waiter = unsafe { waiter_of(waiter) };
                // SAFETY: taken out once, here.
                unsafe { waiter.ready() };
                break (m, p, stack);
            }
            Finish::Mine if dropped => break (m, p, stack),
            Finish::Mine => {
                // The handle was dropped a moment ago.
                header.stack.set(Some(stack));
                m.leave_critical();
                // SAFETY: the task is ours now, and its memory with it.
                unsafe { drop_task(g) };
                dropped = true;
            }
            Finish::Bell => {
                header.stack.set(Some(stack));
                m.leave_critical();
                if let Some(word) = header.join.take_bell() {
                    // SAFETY: registered by a future, and taken out once, here.
                    unsafe { Bell::from_word(word) }.ring();
                }
            }
        }
    };
    // Also if the guard was forgotten.
    m.locked.store(false, Ordering::Relaxed); // Relaxed: as in `os_thread.rs`.
    m.set_g(None);
    if class == m.sched.stack_class {
        m.sched.add_credit(p);
    }
    if dropped {
        p.slots.put(g.cast(), header.vtable.size);
    }
    if bubble != 0 {
        bubble::ended(bubble);
    }
    Ended { m, p, stack, class }
}

/// Drops what is left in a task that nobody will join. Not in critical sections.
///
/// # Safety
///
/// The task is the caller's.
unsafe fn drop_task(g: NonNull<G>) {
    // SAFETY: contract.
    unsafe { task::drop_content(g) };
    // SAFETY: contract.
    unsafe { g.as_ref() }.free_name();
}

/// Opens a critical section that outlives this call.
#[inline]
fn open_section() -> (&'static M, &'static P) {
    let section = critical();
    let Some(m) = section.m() else {
        fatal::abort("a goroutine ended outside the runtime's threads")
    };
    let Some(p) = m.p() else { fatal::abort("a goroutine ended without a processor") };
    std::mem::forget(section);
    (m, p)
}

/// # Safety
///
/// `raw` was registered in a join word.
unsafe fn waiter_of(raw: usize) -> Waiter {
    let word = NonNull::new(ptr::with_exposed_provenance_mut(raw));
    // SAFETY: contract; a registered word is above 1.
    unsafe { Waiter::from_raw(word.unwrap_or(NonNull::dangling())) }
}
