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

use crate::join::JoinWord;
use crate::m::M;
use crate::queue::list::Linked;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicPtr, AtomicU8, Ordering};
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
    pub(crate) context: Cell<Option<Context>>,
    pub(crate) join: JoinWord,
    pub(crate) vtable: &'static Vtable,
    pub(crate) sched: &'static Scheduler,
    /// Successor in the list it is in.
    link: UnsafeCell<*mut G>,
    /// The M that has its registers (stopped), or that it must run on (locked).
    pub(crate) tied: AtomicPtr<M>,
    pub(crate) id: GoId,
    pub(crate) reason: AtomicU8,
    /// Logarithm of its stack's reserve in bytes.
    stack_class: u8,
    /// How many guards forbid it to park.
    pub(crate) forbid_park: Cell<u16>,
    /// How many guards lock it to its thread; while any does, `tied` names that thread's M.
    pub(crate) locks: Cell<u16>,
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) parent: GoId,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) name: Option<Box<str>>,
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

impl G {
    /// A header for a goroutine that has not run.
    pub(crate) fn new(vtable: &'static Vtable, sched: &'static Scheduler, origin: &Origin) -> G {
        G {
            context: Cell::new(None),
            join: JoinWord::new(origin.with_handle),
            vtable,
            sched,
            link: UnsafeCell::new(ptr::null_mut()),
            tied: AtomicPtr::new(ptr::null_mut()),
            id: origin.id,
            reason: AtomicU8::new(0),
            stack_class: origin.stack_class,
            forbid_park: Cell::new(0),
            locks: Cell::new(0),
            stack: Cell::new(None),
            parent: origin.parent,
            spawned_at: origin.spawned_at,
            name: None,
            locals: Cell::new(ptr::null_mut()),
        }
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
    pub(crate) spawned_at: &'static Location<'static>,
    /// Logarithm of the reserve of its stack in bytes.
    pub(crate) stack_class: u8,
    /// Whether somebody may join it.
    pub(crate) with_handle: bool,
}

impl fmt::Debug for G {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("G").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A goroutine as its own code sees it.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    g: NonNull<G>,
}

impl Current {
    /// The calling goroutine; `None` on a plain thread. Neither parks nor blocks.
    pub fn get() -> Option<Current> {
        crate::current::m().and_then(M::g).map(|g| Current { g })
    }

    fn header(&self) -> &G {
        // SAFETY: the goroutine is running this code, so its header is alive; `Current` is not Send.
        unsafe { self.g.as_ref() }
    }

    /// Its number.
    pub fn id(&self) -> GoId {
        self.header().id
    }

    /// The name that its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.header().name.as_deref()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at
    }

    /// A word that belongs to the goroutine, null at first: for a runtime's goroutine-local storage.
    pub fn locals(&self) -> *mut () {
        self.header().locals.get()
    }

    /// Sets that word. Whoever sets it frees what it points to before the goroutine ends.
    pub fn set_locals(&self, locals: *mut ()) {
        self.header().locals.set(locals);
    }
}

/// What the field order above is for.
const _: () = assert!(size_of::<G>() == 128);
