//! A task: the G, its closure and its result in one slot, and the handle to it.
//!
//! ```text
//!   Task<F, T>  ┌──────────┬───────────────────────────────────────────┐
//!               │ G header │ stage: closure ─run─▶ result ─join─▶ taken│   a slot of slots.rs
//!               └──────────┴───────────────────────────────────────────┘
//! ```
//!
//! Spawning allocates nothing but this slot. A closure or result that is too large for one, or aligned to more than a
//! cache line, is boxed. Whoever comes second, the end of the goroutine or the handle, owns what is left ([`join`]).
//! User code (destructors) runs outside critical sections only.
//!
//! [`join`]: crate::join

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe, Location};
use std::ptr::{self, NonNull};
use std::thread;

use crate::bubble;
use crate::credits;
use crate::critical::critical;
use crate::delayed::Start;
use crate::g::{G, GoId, Origin, Vtable};
use crate::join::{Detach, JoinWord, Wait};
use crate::join_future::Bell;
use crate::m::M;
use crate::park;
use crate::scheduler::Scheduler;
use crate::slots;
use crate::wait::{WaitReason, Waiter};

/// The content of a slot. The header comes first, so a pointer to the task is a pointer to its G.
#[repr(C)]
struct Task<S> {
    g: G,
    stage: UnsafeCell<S>,
}

/// Where the task is in its life. Touched by the goroutine until it is done, then by whoever owns it; the join word
/// orders the two.
enum Stage<F, T> {
    Closure(F),
    Result(thread::Result<T>),
    Empty,
}

/// A stage that lies in the slot itself.
struct Inline<S>(S);

/// Where a stage lies: in the slot itself, or in a box beside it.
trait Place {
    type Stage;

    /// The stage.
    fn stage(&mut self) -> &mut Self::Stage;

    /// Moves the stage out.
    fn into_stage(self) -> Self::Stage;
}

impl<S> Place for Inline<S> {
    type Stage = S;

    fn stage(&mut self) -> &mut S {
        &mut self.0
    }

    fn into_stage(self) -> S {
        self.0
    }
}

impl<S> Place for Box<S> {
    type Stage = S;

    fn stage(&mut self) -> &mut S {
        self
    }

    fn into_stage(self) -> S {
        *self
    }
}

/// Whether a task with this stage inside fits a slot.
const fn fits<S>() -> bool {
    size_of::<Task<Inline<S>>>() <= slots::LARGEST && align_of::<S>() <= align_of::<G>()
}

impl<S, F, T> Task<S>
where
    S: Place<Stage = Stage<F, T>>,
    F: FnOnce() -> T,
{
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        take_result: Self::take_result,
        empty: Self::empty,
        drop_content: Self::drop_content,
        size: size_of::<Self>().next_multiple_of(slots::STEP),
    };

    /// # Safety
    ///
    /// `g` heads a live `Task<S>`, or room for one; see the stage for whose turn it is.
    unsafe fn place(g: NonNull<G>) -> *mut S {
        // SAFETY: header first (`repr(C)`): the G is the beginning of a live task.
        let stage = unsafe { &raw const (*g.cast::<Self>().as_ptr()).stage };
        UnsafeCell::raw_get(stage)
    }

    /// # Safety
    ///
    /// As for `place`, which is written; by whose turn it is.
    unsafe fn stage(g: NonNull<G>) -> *mut Stage<F, T> {
        // SAFETY: passed on.
        let place = unsafe { Self::place(g) };
        // SAFETY: the caller's turn.
        unsafe { &mut *place }.stage()
    }

    unsafe fn run(g: NonNull<G>) {
        // SAFETY: the goroutine's turn, on its own stack.
        let stage = unsafe { Self::stage(g) };
        // SAFETY: as above.
        let Stage::Closure(f) = (unsafe { &*stage }) else { return };
        // SAFETY: what is left here is not looked at again: nobody else has a turn before the result is written.
        let f = unsafe { ptr::read(f) };
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        // SAFETY: still the goroutine's turn.
        let stage = unsafe { Self::stage(g) };
        // SAFETY: valid, and nothing to be dropped: the closure has been moved out.
        unsafe { stage.write(Stage::Result(result)) };
    }

    unsafe fn take_result(g: NonNull<G>, to: *mut ()) {
        // SAFETY: done, so it is the handle's turn.
        let stage = unsafe { Self::stage(g) };
        // SAFETY: as above.
        let stage = unsafe { stage.replace(Stage::Empty) };
        // SAFETY: passed on.
        unsafe { Self::give(stage, to) };
    }

    unsafe fn empty(g: NonNull<G>, to: *mut ()) {
        // SAFETY: the task is the caller's.
        let place = unsafe { Self::place(g) };
        // SAFETY: read once: afterwards the slot is free.
        let stage = unsafe { place.read() }.into_stage();
        // SAFETY: passed on.
        unsafe { Self::give(stage, to) };
    }

    /// # Safety
    ///
    /// `to` is room for an `Option<thread::Result<T>>`.
    unsafe fn give(stage: Stage<F, T>, to: *mut ()) {
        let Stage::Result(result) = stage else { return };
        // SAFETY: contract.
        unsafe { to.cast::<Option<thread::Result<T>>>().write(Some(result)) };
    }

    unsafe fn drop_content(g: NonNull<G>) {
        // SAFETY: the task is the caller's.
        let stage: *mut S = unsafe { Self::place(g) };
        // A panicking destructor of a result nobody asked for: std's handles abort; here it is dropped.
        // SAFETY: dropped once: afterwards the slot is free.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| unsafe { ptr::drop_in_place(stage) }));
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

impl Options {
    /// Whether nothing was asked for.
    #[inline]
    fn are_default(&self) -> bool {
        self.name.is_none() && self.stack_size.is_none()
    }
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
        start: Start,
        spawned_at: &'static Location<'static>,
        f: F,
    ) -> io::Result<Unstarted>
    where
        F: FnOnce() -> T,
    {
        if const { fits::<Stage<F, T>>() } {
            let stage = Inline(Stage::Closure(f));
            // SAFETY: passed on.
            unsafe { Unstarted::with_stage(sched, options, start, spawned_at, stage) }
        } else {
            let stage = Box::new(Stage::Closure(f));
            // SAFETY: passed on.
            unsafe { Unstarted::with_stage(sched, options, start, spawned_at, stage) }
        }
    }

    /// # Safety
    ///
    /// As for `new`.
    unsafe fn with_stage<S, F, T>(
        sched: &'static Scheduler,
        options: Options,
        start: Start,
        spawned_at: &'static Location<'static>,
        stage: S,
    ) -> io::Result<Unstarted>
    where
        S: Place<Stage = Stage<F, T>>,
        F: FnOnce() -> T,
    {
        let class = match options.stack_size {
            None => sched.stack_class,
            Some(size) => crate::config::class_of(size)?,
        };
        let vtable: &'static Vtable = const { &Task::<S>::VTABLE };
        let reserve = start != Start::Later;
        let (slot, id, (parent, bubble)) = sched.reserve_task(class, vtable.size, reserve)?;
        let with_handle = start == Start::Now;
        let origin = Origin { id, parent, bubble, spawned_at, stack_class: class, with_handle };
        let g = slot.cast::<G>();
        // SAFETY: nobody else's, and free.
        unsafe { G::write(g, vtable, sched, &origin) };
        // SAFETY: at least `size_of::<Task<S>>()` bytes, aligned to a cache line, with its header.
        let place = unsafe { Task::<S>::place(g) };
        // SAFETY: nobody else's.
        unsafe { place.write(stage) };
        if let Some(name) = options.name {
            // SAFETY: written above.
            unsafe { g.as_ref() }.set_name(name);
        }
        Ok(Unstarted { g })
    }
}

/// Drops what is left in a task that has not been taken by a join. Not in critical sections.
///
/// # Safety
///
/// The task is the caller's.
pub(crate) unsafe fn drop_content(g: NonNull<G>) {
    // SAFETY: alive until it is freed.
    let drop_content = unsafe { g.as_ref() }.vtable.drop_content;
    // SAFETY: nobody else has a turn.
    unsafe { drop_content(g) };
}

/// Gives the slot of a task back. Not in critical sections: the name is freed.
///
/// # Safety
///
/// The task is the caller's, and its content dropped or taken.
pub(crate) unsafe fn free(g: NonNull<G>) {
    // SAFETY: the task is the caller's, until it is put away below.
    let header = unsafe { g.as_ref() };
    header.free_name();
    let size = header.vtable.size;
    let section = critical();
    match section.m().and_then(M::p) {
        Some(p) => p.slots.put(g.cast(), size),
        None => slots::put_shared(g.cast(), size),
    }
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
    let spawned_at = Location::caller();
    if const { fits::<Stage<F, T>>() } && options.are_default() {
        let vtable: &'static Vtable = const { &Task::<Inline<Stage<F, T>>>::VTABLE };
        if let Some(begun) = credits::begin_here(vtable, spawned_at) {
            // SAFETY: its header is written, with room for this type.
            let place = unsafe { Task::<Inline<Stage<F, T>>>::place(begun.g()) };
            // SAFETY: nobody else's.
            unsafe { place.write(Inline(Stage::Closure(f))) };
            let handle = JoinHandle { g: begun.g(), _result: PhantomData };
            begun.launch();
            return Ok(handle);
        }
    }
    let sched = Scheduler::current();
    // SAFETY: contract.
    let unstarted = unsafe { Unstarted::new(sched, options, Start::Now, spawned_at, f)? };
    let g = unstarted.g;
    sched.launch(g);
    Ok(JoinHandle { g, _result: PhantomData })
}

impl<T> JoinHandle<T> {
    fn header(&self) -> &G {
        header_of(&self.g)
    }

    /// Where its end is waited for.
    pub(crate) fn word(&self) -> &JoinWord {
        &self.header().join
    }

    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.header().id()
    }

    /// The goroutine's name.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
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
            let same = header.bubble() != 0 && header.bubble() == bubble::current_bubble();
            let reason = if same { WaitReason::Join.durable() } else { WaitReason::Join };
            // SAFETY: the caller's waiter; `finish` takes it out and readies it, or the commit does.
            unsafe { park::park(waiter, reason, commit) };
        }
        // It has ended: the task is the handle's, which needs not ask for that when it is dropped.
        let g = ManuallyDrop::new(self).g;
        let mut result: Option<thread::Result<T>> = None;
        // SAFETY: alive, as above.
        let empty = unsafe { g.as_ref() }.vtable.empty;
        // SAFETY: nobody else has a turn; `result` has the type that the vtable writes.
        unsafe { empty(g, (&raw mut result).cast()) };
        // SAFETY: nothing is left in it.
        unsafe { free(g) };
        result.unwrap_or_else(|| taken_twice())
    }

    /// The result of a goroutine that has ended, or is about to and has rung its bell for this handle.
    pub(crate) fn take(self) -> thread::Result<T> {
        let mut result: Option<thread::Result<T>> = None;
        let take_result = self.header().vtable.take_result;
        // SAFETY: the goroutine is done with the stage, so it is the handle's turn; `result` has the type that the
        // vtable writes. What is left is seen to when this handle is dropped.
        unsafe { take_result(self.g, (&raw mut result).cast()) };
        result.unwrap_or_else(|| taken_twice())
    }
}

#[cold]
fn taken_twice() -> ! {
    crate::fatal::abort("a goroutine's result was taken twice")
}

/// The header of a task that the caller has a right to.
fn header_of(g: &NonNull<G>) -> &G {
    // SAFETY: alive: the caller is its handle.
    unsafe { g.as_ref() }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        match self.header().join.detach() {
            Detach::Left => {}
            // SAFETY: registered by a future, and taken out once, here.
            Detach::Bell(word) => drop(unsafe { Bell::from_word(word) }),
            Detach::Mine => {
                // SAFETY: the goroutine has ended, and nobody else has its handle.
                unsafe { drop_content(self.g) };
                // SAFETY: as above.
                unsafe { free(self.g) };
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}
