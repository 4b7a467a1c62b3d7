//! A task: the G, its closure and its result in one allocation, and the handle to it.
//!
//! ```text
//!   Task<F, T>  ┌──────────┬───────────────────────────────────────────┐
//!               │ G header │ stage: closure ─run─▶ result ─join─▶ taken│   rounded up to a size class
//!               └──────────┴───────────────────────────────────────────┘
//! ```
//!
//! Two references: the scheduler's, until the goroutine has ended, and the handle's. The last one retires
//! the memory; a P keeps some of it for its next spawns. Memory is allocated and freed by goroutines'
//! own calls only, outside critical sections.

use std::alloc::{self, Layout};
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe, Location};
use std::ptr::{self, NonNull};
use std::thread;

use gmp_context::Stack;

use crate::critical::critical;
use crate::g::{G, GoId, Origin, Vtable};
use crate::join::{Finish, Wait};
use crate::m::M;
use crate::park;
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;
use crate::wait::{WaitReason, Waiter};

/// The allocation. The header comes first, so a pointer to the task is a pointer to its G.
#[repr(C)]
struct Task<F, T> {
    g: G,
    stage: UnsafeCell<Stage<F, T>>,
}

/// Where the task is in its life. Touched by the goroutine until it is done, then by the joiner, then by
/// whoever retires it; the join word and the reference count order these.
enum Stage<F, T> {
    Closure(F),
    Result(thread::Result<T>),
    Empty,
}

/// Sizes come in steps of this, so that a few free lists serve every closure.
const CLASS: usize = 64;
/// Larger tasks are not cached.
const CLASSES: usize = 16;
/// Tasks of one class that a P keeps.
const KEPT: usize = 128;

/// Free tasks of a P, by size.
pub(crate) struct Cache {
    classes: [Cell<(*mut Free, usize)>; CLASSES],
    /// Sizes without a class, waiting to be freed.
    large: Cell<*mut Free>,
    /// Some class holds more than it should keep.
    excess: Cell<bool>,
}

/// What free memory begins with.
struct Free {
    next: *mut Free,
    size: usize,
}

impl Cache {
    /// Nothing kept.
    pub(crate) const fn new() -> Cache {
        let classes = [const { Cell::new((ptr::null_mut(), 0)) }; CLASSES];
        Cache { classes, large: Cell::new(ptr::null_mut()), excess: Cell::new(false) }
    }

    /// Free memory of this size. Owner of the P only.
    pub(crate) fn take(&self, size: usize) -> Option<NonNull<u8>> {
        let cell = self.classes.get(size / CLASS)?;
        let (head, n) = cell.get();
        let first = NonNull::new(head)?;
        // SAFETY: free memory of this class begins with its link.
        cell.set((unsafe { first.as_ref() }.next, n - 1));
        Some(first.cast())
    }

    /// Keeps memory; what is too much is freed by the next [`trim`]. Owner of the P only.
    fn put(&self, memory: NonNull<u8>, size: usize) {
        let place = memory.cast::<Free>();
        let next = match self.classes.get(size / CLASS) {
            Some(cell) => {
                let (head, n) = cell.replace((place.as_ptr(), cell.get().1 + 1));
                self.excess.set(self.excess.get() || n >= KEPT);
                head
            }
            None => {
                self.excess.set(true);
                self.large.replace(place.as_ptr())
            }
        };
        // SAFETY: free memory, larger than this and aligned to a G.
        unsafe { place.write(Free { next, size }) };
    }

    /// Memory that is to be freed, a piece at a time.
    fn excess(&self) -> Option<(NonNull<u8>, usize)> {
        if !self.excess.get() {
            return None;
        }
        if let Some(first) = NonNull::new(self.large.get()) {
            // SAFETY: free memory begins with its link.
            let free = unsafe { first.as_ref() };
            self.large.set(free.next);
            return Some((first.cast(), free.size));
        }
        let over = self.classes.iter().enumerate().find(|(_, c)| c.get().1 > KEPT / 2);
        match over {
            Some((class, _)) => self.take(class * CLASS).map(|m| (m, class * CLASS)),
            None => {
                self.excess.set(false);
                None
            }
        }
    }
}

/// Frees what the P of the caller keeps too much of. Not in critical sections.
fn trim() {
    loop {
        let section = critical();
        let Some((memory, size)) = section.m().and_then(M::p).and_then(|p| p.dead.excess()) else {
            return;
        };
        drop(section);
        // SAFETY: allocated with this layout; taken out of the cache, so nobody else has it.
        unsafe { alloc::dealloc(memory.as_ptr(), layout(size)) };
    }
}

impl<F, T> Task<F, T>
where
    F: FnOnce() -> T,
{
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        take_result: Self::take_result,
        drop_content: Self::drop_content,
        size: size_of::<Self>().next_multiple_of(CLASS),
    };

    /// # Safety
    ///
    /// `g` heads a live `Task<F, T>`; see the stage for whose turn it is.
    unsafe fn stage<'a>(g: NonNull<G>) -> &'a mut Stage<F, T> {
        // SAFETY: header first (`repr(C)`): the G is the beginning of a live task.
        let stage = unsafe { &raw const (*g.cast::<Self>().as_ptr()).stage };
        // SAFETY: the caller's turn.
        unsafe { &mut *UnsafeCell::raw_get(stage) }
    }

    unsafe fn run(g: NonNull<G>) {
        // SAFETY: the goroutine's turn, on its own stack.
        let stage = unsafe { Self::stage(g) };
        let Stage::Closure(f) = std::mem::replace(stage, Stage::Empty) else { return };
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        // SAFETY: still the goroutine's turn.
        *unsafe { Self::stage(g) } = Stage::Result(result);
    }

    unsafe fn take_result(g: NonNull<G>, to: *mut ()) {
        // SAFETY: done, so it is the joiner's turn.
        let stage = unsafe { Self::stage(g) };
        let Stage::Result(result) = std::mem::replace(stage, Stage::Empty) else { return };
        // SAFETY: the handle passes room for exactly this type.
        unsafe { to.cast::<Option<thread::Result<T>>>().write(Some(result)) };
    }

    unsafe fn drop_content(g: NonNull<G>) {
        // SAFETY: the last reference is gone, so nobody else has a turn.
        let stage = std::mem::replace(unsafe { Self::stage(g) }, Stage::Empty);
        // A panicking destructor of a result nobody asked for: std's handles abort; here it is dropped.
        let _ = panic::catch_unwind(AssertUnwindSafe(move || drop(stage)));
    }
}

/// What a goroutine is to be, beside its closure.
#[derive(Debug, Default)]
pub struct Options {
    /// Shown in dumps and panic messages.
    pub name: Option<String>,
    /// Reserve of its stack in bytes; the scheduler's default if none.
    pub stack_size: Option<usize>,
}

/// A goroutine that has not been started: allocated, counted nowhere, in no queue.
#[derive(Debug)]
pub(crate) struct Unstarted {
    pub(crate) g: NonNull<G>,
}

impl Unstarted {
    /// Makes a goroutine out of `f`. Allocates; not in critical sections.
    ///
    /// # Errors
    ///
    /// When no stack can be reserved for it.
    ///
    /// # Safety
    ///
    /// What `f` borrows must outlive the goroutine, and `F` and `T` must be allowed to change threads.
    pub(crate) unsafe fn new<F, T>(
        sched: &'static Scheduler,
        options: Options,
        spawned_at: &'static Location<'static>,
        f: F,
    ) -> io::Result<Unstarted>
    where
        F: FnOnce() -> T,
    {
        let stack_size = match options.stack_size {
            None => sched.config.stack_size,
            Some(size) => crate::scheduler::class_of(size)?,
        };
        let vtable: &'static Vtable = const { &Task::<F, T>::VTABLE };
        let (memory, id, parent) = sched.reserve_task(stack_size, vtable.size)?;
        let mut g = G::new(vtable, sched, id, &Origin { parent, spawned_at, stack_size });
        g.name = options.name.map(String::into_boxed_str);
        let task = Task { g, stage: UnsafeCell::new(Stage::<F, T>::Closure(f)) };
        // SAFETY: at least `size_of::<Task>()` bytes, aligned, nobody else's.
        unsafe { memory.cast::<Task<F, T>>().write(task) };
        Ok(Unstarted { g: memory.cast() })
    }

    /// Throws it away, with its closure, and its reservation.
    pub(crate) fn discard(self) {
        // SAFETY: in no queue: this is the only party.
        let header = unsafe { self.g.as_ref() };
        header.sched.return_credit(header.stack_size);
        // SAFETY: both references go.
        unsafe { retire(self.g) };
    }
}

/// Fresh memory for a task. Not in critical sections.
pub(crate) fn allocate_fresh(size: usize) -> NonNull<u8> {
    let layout = layout(size);
    // SAFETY: the size is not zero: it holds a G.
    let memory = unsafe { alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

fn layout(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two; sizes are those of existing types, rounded up by 63 at most.
    unsafe { Layout::from_size_align_unchecked(size, align_of::<G>()) }
}

/// Drops what is left in a task, but its memory. Not in critical sections.
///
/// # Safety
///
/// The last reference is gone.
unsafe fn drop_content(g: NonNull<G>) {
    // SAFETY: its memory is alive.
    let drop_content = unsafe { g.as_ref() }.vtable.drop_content;
    // SAFETY: nobody else has a turn.
    unsafe { drop_content(g) };
    // SAFETY: as above.
    drop(unsafe { (*g.as_ptr()).name.take() });
}

/// Drops what is left in a task and gives its memory back. Not in critical sections.
///
/// # Safety
///
/// The last reference is gone.
unsafe fn retire(g: NonNull<G>) {
    // SAFETY: alive until given back below.
    let size = unsafe { g.as_ref() }.vtable.size;
    // SAFETY: contract.
    unsafe { drop_content(g) };
    let section = critical();
    let cached = section.m().and_then(M::p).map(|p| p.dead.put(g.cast(), size));
    drop(section);
    match cached {
        Some(()) => trim(),
        // SAFETY: allocated with this layout, content dropped.
        None => unsafe { alloc::dealloc(g.as_ptr().cast(), layout(size)) },
    }
}

/// A goroutine has run to its end, on its own stack: wakes who joins it and lets go of it. Returns, in a
/// critical section, the M it ended on and the stack, which the caller still runs on.
///
/// Until the last line `g` is what this M runs, so its memory must stay: it may be stopped and resumed
/// through it. So the reference is dropped in the critical section in which the M forgets it; if it was
/// the last, the content is dropped outside, where user code may run, while the memory is still ours.
///
/// # Safety
///
/// Called once by the stack's loop after `run`, outside critical sections.
pub(crate) unsafe fn finish(g: NonNull<G>) -> (&'static M, Stack) {
    // SAFETY: alive: the scheduler's reference.
    let header = unsafe { g.as_ref() };
    trim();
    if let Finish::Ready(waiter) = header.join.finish() {
        // SAFETY: registered by `JoinHandle::join`.
        let waiter = unsafe { waiter_of(waiter) };
        // SAFETY: taken out once, here.
        unsafe { waiter.ready() };
    }
    let mut m = open_section();
    let Some(stack) = header.stack.take() else {
        crate::fatal::abort("a goroutine ended without a stack")
    };
    // AcqRel: pairs with the other party's decrement; the last one sees what the other did.
    let last = header.refs.fetch_sub(1, Ordering::AcqRel) == 1;
    let (stack, size) = if last {
        header.stack.set(Some(stack));
        m.leave_critical();
        // SAFETY: the last reference is gone; the memory is still this goroutine's.
        unsafe { drop_content(g) };
        m = open_section();
        let Some(stack) = header.stack.take() else {
            crate::fatal::abort("a goroutine lost its stack")
        };
        (stack, Some(header.vtable.size))
    } else {
        (stack, None)
    };
    if header.locks.get() != 0 {
        // Its guard was forgotten.
        m.locked.set(false);
    }
    m.set_g(None);
    let Some(p) = m.p() else { crate::fatal::abort("a goroutine ended without a processor") };
    p.counters.finished.bump();
    if stack.size() == m.sched.config.stack_size {
        m.sched.add_credit(p);
    }
    if let Some(size) = size {
        p.dead.put(g.cast(), size);
    }
    (m, stack)
}

/// Opens a critical section that outlives this call.
fn open_section() -> &'static M {
    let section = critical();
    let Some(m) = section.m() else {
        crate::fatal::abort("a goroutine ended outside the runtime's threads")
    };
    std::mem::forget(section);
    m
}

/// # Safety
///
/// `raw` was registered in a join word.
unsafe fn waiter_of(raw: usize) -> Waiter {
    let word = NonNull::new(ptr::with_exposed_provenance_mut(raw));
    // SAFETY: contract; a registered word is above 1.
    unsafe { Waiter::from_raw(word.unwrap_or(NonNull::dangling())) }
}

/// A goroutine that can be joined. Dropping it lets the goroutine go on by itself.
pub struct JoinHandle<T> {
    g: NonNull<G>,
    /// The result is received here.
    _result: PhantomData<T>,
}

// SAFETY: the handle gives out nothing but the result, by value.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` gives only the id and whether it is done.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

/// Starts a goroutine that runs `f`. See [`spawn_unchecked`].
///
/// # Errors
///
/// When no stack can be reserved.
///
/// # Panics
///
/// When no runtime is running.
#[track_caller]
pub fn spawn<F, T>(options: Options, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: `'static` and `Send` are required above.
    unsafe { spawn_unchecked(options, f) }
}

/// As [`spawn`], for closures that borrow: scopes are built on it. Neither parks nor blocks.
///
/// # Errors
///
/// When no stack can be reserved: the error says which limit was hit and what to do.
///
/// # Panics
///
/// When no runtime is running.
///
/// # Safety
///
/// What `f` and its result borrow must outlive the goroutine (join it), and both must be `Send`.
#[track_caller]
pub unsafe fn spawn_unchecked<F, T>(options: Options, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T,
{
    let sched = Scheduler::current();
    // SAFETY: contract.
    let unstarted = unsafe { Unstarted::new(sched, options, Location::caller(), f)? };
    let g = unstarted.g;
    sched.launch(g);
    Ok(JoinHandle { g, _result: PhantomData })
}

impl<T> JoinHandle<T> {
    fn header(&self) -> &G {
        // SAFETY: the handle's reference keeps it alive.
        unsafe { self.g.as_ref() }
    }

    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.header().id
    }

    /// The goroutine's name.
    pub fn name(&self) -> Option<&str> {
        self.header().name.as_deref()
    }

    /// Whether it has ended. Neither parks nor blocks.
    pub fn is_finished(&self) -> bool {
        self.header().join.is_done()
    }

    /// Waits for the end and returns what the closure returned, or the payload of its panic. Parks the
    /// goroutine, blocks a thread.
    pub fn join(self) -> thread::Result<T> {
        let header = self.header();
        if !header.join.is_done() {
            let waiter = Waiter::current();
            let raw = waiter.into_raw().as_ptr().expose_provenance();
            let commit = || {
                if header.join.wait(raw) == Wait::Done {
                    // SAFETY: `finish` came first and found nobody, so this is the only call.
                    unsafe { waiter.ready() };
                }
            };
            // SAFETY: the caller's waiter; `finish` takes it out and readies it, or the commit does.
            unsafe { park::park(waiter, WaitReason::Join, commit) };
        }
        let mut result: Option<thread::Result<T>> = None;
        // SAFETY: done, so it is the joiner's turn; `result` has the type that the vtable writes.
        unsafe { (header.vtable.take_result)(self.g, (&raw mut result).cast()) };
        result.unwrap_or_else(|| crate::fatal::abort("a goroutine's result was taken twice"))
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: alive: this handle's reference.
        // AcqRel: pairs with `finish`; the last one sees what the other did.
        if unsafe { self.g.as_ref() }.refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: that was the last.
            unsafe { retire(self.g) };
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}
