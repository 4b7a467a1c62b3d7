//! The end flavour of a receiver: a channel that carries nothing and is closed once, for all who look.
//!
//! That is what `done` of a context is. Thousands of goroutines may have it in each of their selects, and each
//! such select that waits queues a node there and takes it out again: with one lock they would all wait for
//! each other. So the queue is cut into gates, each a [`Core`] with a lock of its own, and a waiter uses the
//! one of the processor that it runs on. Most ends are waited for by few; they have one gate, until it has been
//! found occupied often.
//!
//! - **E1** the end comes by one store to `over`; from here on every look finds it, at whatever gate, so that
//!   nobody can see it and another one, later, not.
//! - **E2** then the gates are closed, the first one first. Who waits at a gate has looked at `over` under its
//!   lock: before E2 came by, and is woken by it, or after, and does not wait.
//! - **E3** more gates are opened under the lock of the first, if `over` is not set by then. So E2, which reads
//!   which gates there are after it had that lock, knows all that will ever be.

use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

use gmp_sched::proc_hint;

use super::core::{Core, Ops};
use super::node::Outcome;
use super::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, Waiter};
use super::transfer::{Got, Sent, Settled};

/// So often the one gate has to be found occupied before there are more. Small against what a crowd does in a
/// millisecond; large enough that a few who wait for the end of a short task do not pay for it.
const CROWD: usize = 64;

/// Gates at most: each is two cache lines, and past the number of cores they help nobody.
const MAX_GATES: usize = 64;

/// A thing that ends.
pub(crate) struct End {
    over: AtomicBool,
    /// How often `first` was found occupied.
    found: AtomicUsize,
    first: Gate,
    /// Null, or more gates, freed with this.
    more: AtomicPtr<Gates>,
}

/// One queue of those who wait for an end.
#[repr(C)]
struct Gate {
    core: Core,
    /// The `over` of the end.
    over: AtomicPtr<AtomicBool>,
}

/// A gate that shares its cache lines with nobody.
#[repr(C, align(128))]
struct Apart(Gate);

struct Gates(Box<[Apart]>);

impl Gate {
    const OPS: &'static Ops = &Ops {
        // SAFETY: the core of a gate (contract of Ops).
        recv: |core, _, _| if unsafe { Gate::is_over(core) } { Got::Closed } else { Got::Empty },
        // Nobody sends and nothing is received, so none of these is called.
        send: |_, _, _| Sent::Closed,
        relay: |_, _| {},
        large: false,
        grow: |_| {},
        free: |_| {},
        return_permit: |_| {},
        when: None,
        // SAFETY: as above.
        over: Some(|core| unsafe { Gate::is_over(core) }),
    };

    fn new(over: *const AtomicBool) -> Gate {
        Gate { core: Core::new(0, Self::OPS), over: AtomicPtr::new(over.cast_mut()) }
    }

    /// Whether the end has come.
    ///
    /// # Safety
    ///
    /// `core` is the core of a gate of a living end.
    unsafe fn is_over(core: &Core) -> bool {
        // SAFETY: the core is the first field (repr C) of a gate (contract).
        let gate = unsafe { &*ptr::from_ref(core).cast::<Gate>() };
        // Relaxed: written before the gate was shared.
        let over = gate.over.load(Ordering::Relaxed);
        // SAFETY: lies in the end, which is alive (contract).
        let over = unsafe { &*over };
        // Acquire: pairs with Release in `close` (E1); what went before the end is visible.
        over.load(Ordering::Acquire)
    }
}

impl End {
    pub(crate) fn new() -> Arc<End> {
        let end = Arc::new(End {
            over: AtomicBool::new(false),
            found: AtomicUsize::new(0),
            first: Gate::new(ptr::null()),
            more: AtomicPtr::new(ptr::null_mut()),
        });
        // Relaxed: not shared yet.
        end.first.over.store(ptr::from_ref(&end.over).cast_mut(), Ordering::Relaxed);
        end
    }

    /// Whether it is over.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // Acquire: pairs with Release in `close`.
        self.over.load(Ordering::Acquire)
    }

    /// Ends it, E1 and E2. When it returns everybody who waited has been woken, unless another call is at it.
    pub(crate) fn close(&self) {
        // Release: pairs with Acquire in `is_over`.
        self.over.store(true, Ordering::Release);
        self.first.core.close();
        for gate in self.more() {
            gate.0.core.close();
        }
    }

    fn more(&self) -> &[Apart] {
        // Acquire: pairs with Release in `open_more`.
        let more = self.more.load(Ordering::Acquire);
        // SAFETY: null, or from `open_more`, and freed with `self`.
        unsafe { more.as_ref() }.map_or(&[], |gates| &*gates.0)
    }

    /// Where the caller waits best.
    #[inline]
    pub(crate) fn core(&self) -> &Core {
        let more = self.more();
        if !more.is_empty() {
            return &more[proc_hint().0 & (more.len() - 1)].0.core;
        }
        if self.first.core.is_awaited() {
            self.note_crowd();
        }
        &self.first.core
    }

    /// Where futures wait, wherever they are polled.
    pub(super) fn first(&self) -> &Core {
        &self.first.core
    }

    /// Whether `core` is one of the gates.
    pub(super) fn has(&self, core: &Core) -> bool {
        ptr::eq(core, &self.first.core)
            || self.more().iter().any(|gate| ptr::eq(core, &gate.0.core))
    }

    #[cold]
    fn note_crowd(&self) {
        // Relaxed: a heuristic count; the gates are opened once, see below.
        if self.found.fetch_add(1, Ordering::Relaxed) == CROWD {
            self.open_more();
        }
    }

    /// E3. Called once.
    fn open_more(&self) {
        let gates = proc_hint().1.next_power_of_two().min(MAX_GATES);
        if gates == 1 {
            return;
        }
        // Before locking.
        let gates = (0..gates).map(|_| Apart(Gate::new(&self.over))).collect();
        let gates = Box::into_raw(Box::new(Gates(gates)));
        let first = self.first.core.lock();
        let open = !self.is_over();
        if open {
            // Release: pairs with Acquire in `more`.
            self.more.store(gates, Ordering::Release);
        }
        drop(first);
        if !open {
            // SAFETY: from `Box::into_raw`, and nobody else has seen it.
            drop(unsafe { Box::from_raw(gates) });
        }
    }

    /// Waits for the end, until `deadline` if there is one. Parks the goroutine, or blocks the thread.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Settled {
        loop {
            if self.is_over() {
                return Settled::Closed;
            }
            let waiter = Waiter::current();
            let core = self.core();
            let st = core.lock();
            if self.is_over() {
                return Settled::Closed;
            }
            // SAFETY: the caller's waiter; there are no senders.
            match unsafe { core.wait_for_news(st, waiter, deadline) } {
                None => return Settled::NotReady,
                Some(Outcome::Closed) => return Settled::Closed,
                Some(_) => {}
            }
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Relaxed: nobody else has it any more.
        let more = self.more.load(Ordering::Relaxed);
        if !more.is_null() {
            // SAFETY: from `Box::into_raw` in `open_more`, stored once; nobody uses it any more.
            drop(unsafe { Box::from_raw(more) });
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}
