//! G: a goroutine. Its header; closure and result follow it in the same allocation ([`crate::task`]).
//!
//! ```text
//!   one allocation (task.rs)                     its stack, from the first run to the end
//!   ┌──────────────┬──────────────────┐          ┌─────────────────────────────┐ top
//!   │ G (this)     │ closure, then    │  context │ entry frame, user's frames  │
//!   │  context ────┼─ result ─────────┼─────────▶│ … registers saved at park   │
//!   └──────────────┴──────────────────┘          └─────────────────────────────┘ guard
//! ```
//!
//! Who may touch a G follows from where it is. In a run queue: whoever takes it out. Running: the M that
//! runs it. Parked: whoever was handed its [`Waiter`](crate::Waiter). Fields that others look at meanwhile
//! are atomic.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::panic::Location;
use std::ptr::{self, NonNull};

use gmp_context::{Context, Stack};

use crate::bubble;
use crate::clock;
use crate::join::JoinWord;
use crate::lock::{Lock, LockGuard};
use crate::m::M;
use crate::queue::list::Linked;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicPtr, AtomicU8, AtomicU16, AtomicU64, Ordering, fence};
use crate::wait::WaitReason;

/// A goroutine's number: unique in the process, never reused, 1 for the first main goroutine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoId(pub(crate) u64);

impl GoId {
    /// The number itself.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoId({})", self.0)
    }
}

/// What the scheduler can do with a task whose closure and result types it does not know.
#[derive(Debug)]
pub(crate) struct Vtable {
    /// Runs the closure on the calling stack and keeps its result. Never unwinds.
    pub(crate) run: unsafe fn(NonNull<G>),
    /// Moves the result to `*mut thread::Result<T>`.
    pub(crate) take_result: unsafe fn(NonNull<G>, *mut ()),
    /// As `take_result`, by who owns the task: nothing is left to be dropped.
    pub(crate) empty: unsafe fn(NonNull<G>, *mut ()),
    /// Drops what the task still holds (closure or result), without freeing its memory.
    pub(crate) drop_content: unsafe fn(NonNull<G>),
    /// Size of the allocation, rounded up to its class.
    pub(crate) size: usize,
}

/// The header: two cache lines. The first one is what switching touches; of the second one a goroutine that runs to
/// its end without parking needs its stack only.
#[repr(C, align(64))]
pub(crate) struct G {
    /// Where it continues; `None` until it first runs.
    pub(crate) context: Saved,
    pub(crate) join: JoinWord,
    pub(crate) vtable: &'static Vtable,
    pub(crate) sched: &'static Scheduler,
    /// Successor in the list it is in.
    link: UnsafeCell<*mut G>,
    /// The M that has its registers (stopped), or that it must run on (locked).
    pub(crate) tied: AtomicPtr<M>,
    pub(crate) id: AtomicU64,
    pub(crate) reason: AtomicU8,
    /// Logarithm of its stack's reserve in bytes.
    stack_class: u8,
    /// The bubble it belongs to; 0 for none.
    pub(crate) bubble: AtomicU16,
    /// How many guards forbid it to park.
    pub(crate) forbid_park: Cell<u16>,
    /// How many guards lock it to its thread; while any does, `tied` names that thread's M.
    pub(crate) locks: AtomicU16,
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) parent: AtomicU64,
    pub(crate) spawned_at: AtomicPtr<Location<'static>>,
    /// Freed by [`G::free_name`] only.
    name: AtomicPtr<String>,
    /// When `reason` was set last, in coarse nanoseconds.
    since: AtomicU64,
    /// Values of `goroutine_local!`, owned by the facade.
    pub(crate) locals: Cell<*mut ()>,
}

// SAFETY: module doc: one holder at a time for the cells, atomics for the rest; handing a G on orders memory.
unsafe impl Send for G {}
// SAFETY: as above.
unsafe impl Sync for G {}

// SAFETY: always the same field.
unsafe impl Linked for G {
    fn link(this: NonNull<G>) -> *mut *mut G {
        // SAFETY: `this` is a live G; no reference is made, so lists may alias whatever borrows exist.
        unsafe { UnsafeCell::raw_get(&raw const (*this.as_ptr()).link) }
    }
}

/// Where a goroutine continues. Written by one thread at a time; atomic because a dump may look meanwhile.
#[repr(transparent)]
pub(crate) struct Saved(AtomicPtr<u8>);

impl Saved {
    /// Keeps where it continues.
    #[inline]
    pub(crate) fn set(&self, context: Option<Context>) {
        let sp = context.map_or(ptr::null_mut(), Context::as_ptr);
        self.0.store(sp, Ordering::Release); // Release: pairs with Acquire in `peek`.
    }

    /// Takes it out.
    #[inline]
    pub(crate) fn take(&self) -> Option<Context> {
        // Relaxed: the queue that the goroutine was taken out of orders the two.
        let sp = NonNull::new(self.0.load(Ordering::Relaxed))?;
        // Relaxed: nobody may use what was there, and nobody does.
        self.0.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: put in by `set`, and taken out once.
        Some(unsafe { Context::from_ptr(sp) })
    }

    /// The stack pointer, if there is one now.
    pub(crate) fn peek(&self) -> Option<NonNull<u8>> {
        // Acquire: pairs with Release in `set`: what lies on the stack is visible.
        NonNull::new(self.0.load(Ordering::Acquire))
    }
}

/// In `since`: it is exact, and of the moment at which the goroutine became runnable. Coarse times are even.
const STAMPED: u64 = 1;

/// Guards the freeing of names against a dump that reads them.
static NAMES: Lock<()> = Lock::new(());

impl G {
    /// Writes the header of a goroutine that has not run into a slot. Field by field: what a dump may look at in the
    /// meantime is written by atomic stores, whatever was in the slot before.
    ///
    /// # Safety
    ///
    /// `g` points to a slot that is the caller's, whose content is gone.
    #[inline]
    pub(crate) unsafe fn write(
        g: NonNull<G>,
        vtable: &'static Vtable,
        sched: &'static Scheduler,
        origin: &Origin,
    ) {
        macro_rules! write {
            ($($field:ident: $value:expr,)*) => {$(
                // SAFETY: inside the slot.
                let place = unsafe { &raw mut (*g.as_ptr()).$field };
                // SAFETY: the caller's own memory, aligned as its type says.
                unsafe { place.write($value) };
            )*};
        }
        write! {
            join: JoinWord::new(origin.with_handle),
            vtable: vtable,
            sched: sched,
            link: UnsafeCell::new(ptr::null_mut()),
            tied: AtomicPtr::new(ptr::null_mut()),
            stack_class: origin.stack_class,
            forbid_park: Cell::new(0),
            stack: Cell::new(None),
            locals: Cell::new(ptr::null_mut()),
        }
        // SAFETY: the fields above are initialised, those below are atomics, for which any bits will do.
        let header = unsafe { g.as_ref() };
        // Release fence: pairs with the Acquire fence in `describe`: who reads anything written below does not take it
        // for the goroutine that had the slot before, whose state was `Dead` already.
        fence(Ordering::Release);
        header.context.0.store(ptr::null_mut(), Ordering::Relaxed); // Relaxed: the fence; `launched` publishes.
        header.parent.store(origin.parent.0, Ordering::Relaxed); // Relaxed: as above.
        let at = ptr::from_ref(origin.spawned_at).cast_mut();
        header.spawned_at.store(at, Ordering::Relaxed); // Relaxed: as above.
        header.name.store(ptr::null_mut(), Ordering::Relaxed); // Relaxed: as above.
        header.bubble.store(origin.bubble, Ordering::Relaxed); // Relaxed: as above.
        header.locks.store(0, Ordering::Relaxed); // Relaxed: as above.
        header.id.store(origin.id.0, Ordering::Relaxed); // Relaxed: as above.
    }

    /// Its number.
    #[inline]
    pub(crate) fn id(&self) -> GoId {
        // Relaxed: constant while the goroutine exists.
        GoId(self.id.load(Ordering::Relaxed))
    }

    /// The bubble it belongs to; 0 for none.
    #[inline]
    pub(crate) fn bubble(&self) -> u16 {
        // Relaxed: constant, but for the root of a bubble, which sets it itself.
        self.bubble.load(Ordering::Relaxed)
    }

    /// Where it was spawned.
    pub(crate) fn spawned_at(&self) -> &'static Location<'static> {
        // Relaxed: as in `id`.
        // SAFETY: written from a reference.
        unsafe { &*self.spawned_at.load(Ordering::Relaxed) }
    }

    /// Its name. For those who have a right to the goroutine.
    pub(crate) fn name(&self) -> Option<&str> {
        // Relaxed: constant while the goroutine exists.
        // SAFETY: freed when the goroutine's owner lets go of it only.
        unsafe { self.name.load(Ordering::Relaxed).as_ref() }.map(String::as_str)
    }

    /// Gives it a name, before it is launched. Allocates.
    pub(crate) fn set_name(&self, name: String) {
        // Relaxed: published by the launch.
        self.name.store(Box::into_raw(Box::new(name)), Ordering::Relaxed);
    }

    /// Frees the name. By the owner of the task, not in critical sections.
    #[inline]
    pub(crate) fn free_name(&self) {
        // Relaxed: the owner's.
        if !self.name.load(Ordering::Relaxed).is_null() {
            self.free_name_slow();
        }
    }

    #[cold]
    fn free_name_slow(&self) {
        let names = NAMES.lock();
        // Relaxed: under the lock that readers other than the owner hold.
        let name = self.name.swap(ptr::null_mut(), Ordering::Relaxed);
        drop(names);
        // SAFETY: made by `Box::into_raw` in `set_name`, and taken out just now.
        drop(unsafe { Box::from_raw(name) });
    }

    /// It exists from now on, for whoever looks.
    #[inline]
    pub(crate) fn launched(&self) {
        self.since.store(clock::coarse(), Ordering::Relaxed); // Relaxed: as below.
        // Release: pairs with Acquire in `describe`; publishes the header.
        self.reason.store(WaitReason::Yield as u8, Ordering::Release);
        if self.bubble() != 0 {
            bubble::launched(self.bubble());
        }
    }

    /// Why it waits, as noted last.
    pub(crate) fn reason(&self) -> WaitReason {
        // Relaxed: for those whose turn it is.
        WaitReason::from_number(self.reason.load(Ordering::Relaxed))
    }

    /// It is about to be made runnable, by whoever ended its wait.
    #[inline]
    pub(crate) fn readied(&self) {
        if self.bubble() != 0 && bubble::is_durable(self) {
            bubble::unblock(self.bubble());
        }
        self.since.store(clock::coarse(), Ordering::Relaxed); // Relaxed: for people, orders nothing.
        // Release: pairs with Acquire in `describe`, when a timer launches it so.
        self.reason.store(WaitReason::Yield as u8, Ordering::Release);
    }

    /// Notes, for one in many, when exactly it was made runnable: [`resumed`](G::resumed) tells how long that lasted.
    #[cold]
    pub(crate) fn stamp(&self) {
        self.since.store(clock::now() | STAMPED, Ordering::Relaxed); // Relaxed: for figures only.
    }

    /// It runs now.
    #[inline]
    pub(crate) fn resumed(&self, m: &M) {
        self.set_reason(WaitReason::None);
        // Relaxed: as above.
        if self.since.load(Ordering::Relaxed) & STAMPED != 0 {
            self.count_latency(m);
        }
    }

    #[cold]
    fn count_latency(&self, m: &M) {
        let (now, since) = (clock::now(), self.since.load(Ordering::Relaxed)); // Relaxed: as above.
        self.since.store(now & !STAMPED, Ordering::Relaxed); // Relaxed: as above.
        if let Some(p) = m.p() {
            p.latencies.record(now.saturating_sub(since));
        }
    }

    /// Notes that it has begun to wait, why, and when.
    #[inline]
    pub(crate) fn waits(&self, reason: WaitReason) {
        self.since.store(clock::coarse(), Ordering::Relaxed); // Relaxed: for people, orders nothing.
        self.set_reason(reason);
    }

    /// Whether it is locked to its thread.
    pub(crate) fn is_locked(&self) -> bool {
        self.locks.load(Ordering::Relaxed) != 0 // Relaxed: written by the goroutine itself.
    }

    /// Logarithm of the reserve of its stack in bytes.
    pub(crate) fn stack_class(&self) -> u8 {
        self.stack_class
    }

    /// Reserve of its stack in bytes.
    pub(crate) fn stack_size(&self) -> usize {
        1 << self.stack_class
    }

    /// The M it is tied to, if it is.
    pub(crate) fn tied(&self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        // Acquire: pairs with Release where it was tied.
        unsafe { self.tied.load(Ordering::Acquire).as_ref() }
    }

    /// Notes why it waits, for whoever looks.
    pub(crate) fn set_reason(&self, reason: WaitReason) {
        // Relaxed: shown to people, orders nothing.
        self.reason.store(reason as u8, Ordering::Relaxed);
    }
}

/// Where a goroutine comes from and what it was asked to be.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) id: GoId,
    pub(crate) parent: GoId,
    pub(crate) bubble: u16,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Logarithm of the reserve of its stack in bytes.
    pub(crate) stack_class: u8,
    /// Whether somebody may join it.
    pub(crate) with_handle: bool,
}

/// A goroutine as a dump sees it: a consistent copy of what does not change while it exists, and its state of the
/// moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described {
    pub(crate) id: GoId,
    pub(crate) parent: GoId,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) state: WaitReason,
    pub(crate) since: u64,
    pub(crate) bubble: u16,
    pub(crate) locked: bool,
}

impl G {
    /// Reads the header of whatever is in the slot, which may change meanwhile; none if it is, or becomes, no
    /// goroutine.
    ///
    /// # Safety
    ///
    /// `g` points to a slot, in use or not.
    pub(crate) unsafe fn describe(g: NonNull<G>) -> Option<Described> {
        macro_rules! read {
            ($field:ident, $order:ident) => {{
                // SAFETY: slots are never freed; the field is atomic, and zero in a slot that was never used.
                // (The order is told where it is chosen.)
                unsafe { &(*g.as_ptr()).$field }.load(Ordering::$order)
            }};
        }
        // Acquire: pairs with Release in `launched`.
        let state = WaitReason::from_number(read!(reason, Acquire));
        if state == WaitReason::Dead {
            return None;
        }
        // Relaxed: checked below.
        let (id, parent) = (read!(id, Relaxed), read!(parent, Relaxed));
        // Relaxed: as above.
        let (since, bubble) = (read!(since, Relaxed), read!(bubble, Relaxed));
        // Relaxed: as above.
        let (spawned_at, locked) = (read!(spawned_at, Relaxed), read!(locks, Relaxed) != 0);
        // Acquire fence: pairs with the Release fence in `write`: had any of the above been of a later goroutine, the
        // state would be seen as `Dead`, or as set by its launch, and then the new number too.
        fence(Ordering::Acquire);
        // Acquire: as above.
        let still = read!(reason, Acquire) != WaitReason::Dead as u8;
        // Relaxed: ordered by the loads above.
        if !still || read!(id, Relaxed) != id {
            return None;
        }
        // SAFETY: written from a reference, before the state was.
        let spawned_at = unsafe { spawned_at.as_ref() }?;
        Some(Described {
            id: GoId(id),
            parent: GoId(parent),
            spawned_at,
            state,
            since,
            bubble,
            locked,
        })
    }

    /// Copies as much of the name of goroutine `id` as fits; returns how much there is. Any thread.
    ///
    /// # Safety
    ///
    /// As for [`describe`](G::describe).
    pub(crate) unsafe fn copy_name(g: NonNull<G>, id: GoId, to: &mut [u8]) -> usize {
        let _names: LockGuard<'_, ()> = NAMES.lock();
        // SAFETY: slots are never freed, and the field is atomic.
        let name = unsafe { &(*g.as_ptr()).name };
        // Relaxed: the name is not freed while the lock is held.
        // SAFETY: as above.
        let Some(name) = (unsafe { name.load(Ordering::Relaxed).as_ref() }) else { return 0 };
        // SAFETY: contract.
        if unsafe { G::describe(g) }.is_none_or(|d| d.id != id) {
            return 0;
        }
        let n = name.len().min(to.len());
        to[..n].copy_from_slice(&name.as_bytes()[..n]);
        n
    }

    /// Ends what [`launched`](G::launched) began: nobody shall see it any more.
    #[inline]
    pub(crate) fn dead(&self) {
        // Release: whoever sees it sees what the goroutine did before.
        self.reason.store(WaitReason::Dead as u8, Ordering::Release);
    }
}

impl fmt::Debug for G {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("G")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// What the field order above is for.
const _: () = assert!(size_of::<G>() == 128);
