//! What a new goroutine needs: memory, a number, and credits, which are stacks that are reserved before somebody needs them, so many per P.
//!
//! A goroutine that was started must get a stack when it first runs, deep in the scheduler, where nothing may fail. So
//! the stack is reserved when it is made, where failing is an error of the caller's; and since the pool's lock would be felt
//! there, a P reserves many at a time and passes the reservation of a goroutine that ends on to the next one.

use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::critical::critical;
use crate::current;
use crate::fatal;
use crate::g::{G, GoId, Origin, Vtable};
use crate::m::M;
use crate::p::{ID_BATCH, P};
use crate::scheduler::Scheduler;
use crate::slots;
use crate::sync::plain::{AtomicU64, Ordering};
use crate::trace::{self, TraceKind};

/// Stacks reserved at once for a P.
const CREDIT_BATCH: usize = 64;

/// The next goroutine's number: unique in the process, also over several runtimes.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The number that the first goroutine of a runtime gets, if nobody makes one before it.
pub(crate) fn next_id() -> GoId {
    GoId(NEXT_ID.load(Ordering::Relaxed)) // Relaxed: a number.
}

/// A goroutine whose header is written, in a critical section of the M that makes it, which [`launch`](Begun::launch) closes.
#[must_use = "the section stays open until it is launched"]
pub(crate) struct Begun {
    g: NonNull<G>,
    m: &'static M,
}

/// The short way to a goroutine with a handle, a stack of the default size and no name, outside bubbles: if the P of the calling
/// M has a credit, a number and a slot at hand. None otherwise: then [`Scheduler::reserve_task`].
#[inline(never)]
pub(crate) fn begin_here(
    vtable: &'static Vtable,
    spawned_at: &'static Location<'static>,
) -> Option<Begun> {
    let m = current::m()?;
    m.enter_critical();
    let g = begin_on(m, vtable, spawned_at);
    if g.is_none() {
        m.leave_critical();
    }
    g.map(|g| Begun { g, m })
}

#[inline]
fn begin_on(
    m: &'static M,
    vtable: &'static Vtable,
    spawned_at: &'static Location<'static>,
) -> Option<NonNull<G>> {
    let p = m.p()?;
    // SAFETY: the goroutine that runs this.
    let parent = unsafe { m.g()?.as_ref() };
    let credits = p.credits.get().checked_sub(1)?;
    let (id, end) = p.ids.get();
    if id == end || parent.bubble() != 0 {
        return None;
    }
    let g = p.slots.at_hand(vtable.size)?.cast::<G>();
    p.credits.set(credits);
    p.ids.set((id + 1, end));
    let origin = Origin {
        id: GoId(id),
        parent: parent.id(),
        bubble: 0,
        spawned_at,
        stack_class: m.sched.stack_class,
        with_handle: true,
    };
    // SAFETY: nobody else's, and free.
    unsafe { G::write(g, vtable, m.sched, &origin) };
    Some(g)
}

impl Begun {
    /// One that is the caller's, who has opened a section on `m`, which holds a P.
    pub(crate) fn on(m: &'static M, g: NonNull<G>) -> Begun {
        Begun { g, m }
    }

    /// It, for its closure to be written behind its header.
    #[inline]
    pub(crate) fn g(&self) -> NonNull<G> {
        self.g
    }

    /// Puts it where it runs next, and wakes somebody for it: it is work for two.
    #[inline(never)]
    pub(crate) fn launch(self) {
        let Begun { g, m } = self;
        let Some(p) = m.p() else { fatal::abort("a processor was lost in a critical section") };
        // SAFETY: not launched yet, so the caller's.
        let header = unsafe { g.as_ref() };
        header.launched();
        trace::note(m, TraceKind::Spawn, header.id());
        p.counters.spawned.bump();
        m.sched.push_as(p, g, true);
        m.sched.published();
        m.leave_critical();
    }
}

impl Scheduler {
    /// Memory, number, parent and bubble for a new task, and a stack reserved if asked for. Not in critical sections.
    pub(crate) fn reserve_task(
        &'static self,
        stack_class: u8,
        size: usize,
        reserve: bool,
    ) -> io::Result<(NonNull<u8>, GoId, (GoId, u16))> {
        let default = stack_class == self.stack_class;
        let stack_size = 1 << stack_class;
        loop {
            let section = critical();
            let m = section.m();
            let parent = m.and_then(M::g).map_or((GoId(0), 0), |g| {
                // SAFETY: the goroutine that runs this.
                let g = unsafe { g.as_ref() };
                (g.id(), g.bubble())
            });
            let Some(p) = m.filter(|m| ptr::eq(m.sched, self)).and_then(M::p) else {
                drop(section);
                if reserve {
                    self.reserve_stacks(stack_size, 1)?;
                }
                // Relaxed: a number.
                let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
                return Ok((slots::take_shared(size), GoId(id), parent));
            };
            let credit = reserve && default;
            if credit && p.credits.get() == 0 {
                drop(section);
                self.reserve_stacks(stack_size, CREDIT_BATCH)?;
                self.add_credits(stack_class, CREDIT_BATCH);
                continue;
            }
            if credit {
                p.credits.set(p.credits.get() - 1);
            }
            let (next, end) = p.ids.get();
            // Relaxed: a number.
            let (id, end) = if next < end {
                (next, end)
            } else {
                let first = NEXT_ID.fetch_add(ID_BATCH, Ordering::Relaxed);
                (first, first + ID_BATCH)
            };
            p.ids.set((id + 1, end));
            if credit || !reserve {
                return Ok((p.slots.take(size), GoId(id), parent));
            }
            drop(section);
            self.reserve_stacks(stack_size, 1)?;
            return Ok((slots::take_shared(size), GoId(id), parent));
        }
    }

    /// Reserves stacks in the pool, whose lock is held in a critical section like every other.
    pub(crate) fn reserve_stacks(&self, size: usize, n: usize) -> io::Result<()> {
        let section = critical();
        let reserved = self.stacks.try_reserve(size, n);
        drop(section);
        Ok(reserved?)
    }

    /// A stack of the default size for a goroutine that was made without; false when the kernel has no memory for one. In a
    /// critical section.
    pub(crate) fn reserve_stack_here(&'static self) -> bool {
        let section = critical();
        let size = 1 << self.stack_class;
        let credits =
            section.m().filter(|m| ptr::eq(m.sched, self)).and_then(M::p).map(|p| &p.credits);
        let credit = |credits: &Cell<usize>| {
            if credits.get() == 0 && self.stacks.try_reserve(size, CREDIT_BATCH).is_ok() {
                credits.set(CREDIT_BATCH);
            }
            credits.get().checked_sub(1).map(|left| credits.set(left)).is_some()
        };
        // One by one, where so many cannot be had.
        credits.is_some_and(credit) || self.stacks.try_reserve(size, 1).is_ok()
    }

    /// A goroutine has ended on `p`, which the calling M holds: another one may have its stack.
    pub(crate) fn add_credit(&'static self, p: &'static P) {
        let credits = p.credits.get() + 1;
        if credits < 4 * CREDIT_BATCH {
            p.credits.set(credits);
        } else {
            // Others shall not map new stacks while these are free.
            p.credits.set(credits - 2 * CREDIT_BATCH);
            self.stacks.unreserve(self.config.stack_size, 2 * CREDIT_BATCH);
        }
    }

    /// Gives reservations to the caller's P, or back to the pool.
    fn add_credits(&'static self, stack_class: u8, n: usize) {
        let section = critical();
        match section.m().filter(|m| ptr::eq(m.sched, self)).and_then(M::p) {
            Some(p) if stack_class == self.stack_class => p.credits.set(p.credits.get() + n),
            _ => self.stacks.unreserve(1 << stack_class, n),
        }
    }

    /// A task that will not run needs no stack.
    pub(crate) fn return_credit(&'static self, stack_class: u8) {
        self.add_credits(stack_class, 1);
    }
}
