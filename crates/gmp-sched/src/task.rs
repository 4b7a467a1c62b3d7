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
use std::ops::DerefMut;
use std::panic::{self, AssertUnwindSafe, Location};
use std::ptr::{self, NonNull};
use std::thread;

use gmp_context::Stack;

use crate::bubble;
use crate::critical::critical;
use crate::delayed::Start;
use crate::g::{G, GoId, Origin, Vtable};
use crate::join::{Detach, Finish, JoinWord, Wait};
use crate::join_future::Bell;
use crate::m::M;
use crate::park;
use crate::scheduler::Scheduler;
use crate::slots;
use crate::sync::plain::Ordering;
use crate::trace::{self, TraceKind};
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

impl<S> std::ops::Deref for Inline<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S> DerefMut for Inline<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

/// Whether a task with this stage inside fits a slot.
const fn fits<S>() -> bool {
    size_of::<Task<Inline<S>>>() <= slots::LARGEST && align_of::<S>() <= align_of::<G>()
}

impl<S, F, T> Task<S>
where
    S: DerefMut<Target = Stage<F, T>>,
    F: FnOnce() -> T,
{
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        take_result: Self::take_result,
        drop_content: Self::drop_content,
        size: size_of::<Self>().next_multiple_of(slots::STEP),
    };

    /// # Safety
    ///
    /// `g` heads a live `Task<S>`; see the stage for whose turn it is.
    unsafe fn stage<'a>(g: NonNull<G>) -> &'a mut S {
        // SAFETY: header first (`repr(C)`): the G is the beginning of a live task.
        let stage = unsafe { &raw const (*g.cast::<Self>().as_ptr()).stage };
        // SAFETY: the caller's turn.
        unsafe { &mut *UnsafeCell::raw_get(stage) }
    }

    unsafe fn run(g: NonNull<G>) {
        // SAFETY: the goroutine's turn, on its own stack.
        let stage = unsafe { Self::stage(g) };
        let Stage::Closure(f) = std::mem::replace(&mut **stage, Stage::Empty) else { return };
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        // SAFETY: still the goroutine's turn.
        **unsafe { Self::stage(g) } = Stage::Result(result);
    }

    unsafe fn take_result(g: NonNull<G>, to: *mut ()) {
        // SAFETY: done, so it is the handle's turn.
        let stage = unsafe { Self::stage(g) };
        let Stage::Result(result) = std::mem::replace(&mut **stage, Stage::Empty) else { return };
        // SAFETY: the handle passes room for exactly this type.
        unsafe { to.cast::<Option<thread::Result<T>>>().write(Some(result)) };
    }

    unsafe fn drop_content(g: NonNull<G>) {
        // SAFETY: the task is the caller's.
        let stage: *mut S = unsafe { Self::stage(g) };
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
        S: DerefMut<Target = Stage<F, T>>,
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
        // SAFETY: at least `size_of::<Task<S>>()` bytes, aligned to a cache line.
        let place = unsafe { &raw mut (*slot.cast::<Task<S>>().as_ptr()).stage };
        // SAFETY: nobody else's.
        unsafe { place.write(UnsafeCell::new(stage)) };
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

/// A goroutine has run to its end, on its own stack: lets go of its task. Returns, in a critical section, the M it
/// ended on and the stack, which the caller still runs on.
///
/// While `g` is what this M runs it may be stopped, and is resumed through its header; so its task must not be
/// anybody else's before the section is open in which the M forgets it. What nobody wants is dropped before that,
/// where user code may run.
///
/// # Safety
///
/// Called once by the stack's loop after `run`, outside critical sections.
pub(crate) unsafe fn finish(g: NonNull<G>) -> (&'static M, Stack) {
    // SAFETY: alive: it has not let go of its task.
    let header = unsafe { g.as_ref() };
    let mut dropped = header.join.is_detached();
    if dropped {
        // SAFETY: there is no handle any more.
        unsafe { drop_task(g) };
    }
    let size = header.vtable.size;
    let bubble = header.bubble();
    let mut counted = false;
    let (m, stack) = loop {
        let m = open_section();
        let Some(stack) = header.stack.take() else {
            crate::fatal::abort("a goroutine ended without a stack")
        };
        if !std::mem::replace(&mut counted, true) {
            // Before a handle can say that it has ended: who has joined it does not count it any more.
            let Some(p) = m.p() else {
                crate::fatal::abort("a goroutine ended without a processor")
            };
            p.counters.finished.bump();
        }
        // In each turn: it may have been stopped in between, and was seen again.
        header.dead();
        trace::note(m, TraceKind::End, header.id());
        match header.join.finish() {
            Finish::Left => break (m, stack),
            Finish::Ready(waiter) => {
                // SAFETY: registered by `JoinHandle::join`.
                let waiter = unsafe { waiter_of(waiter) };
                // SAFETY: taken out once, here.
                unsafe { waiter.ready() };
                break (m, stack);
            }
            Finish::Mine if dropped => break (m, stack),
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
    let Some(p) = m.p() else { crate::fatal::abort("a goroutine ended without a processor") };
    if stack.size() == m.sched.config.stack_size {
        m.sched.add_credit(p);
    }
    if dropped {
        p.slots.put(g.cast(), size);
    }
    if bubble != 0 {
        bubble::ended(bubble);
    }
    (m, stack)
}

/// Drops what is left in a task that nobody will join. Not in critical sections.
///
/// # Safety
///
/// The task is the caller's.
unsafe fn drop_task(g: NonNull<G>) {
    // SAFETY: contract.
    unsafe { drop_content(g) };
    // SAFETY: contract.
    unsafe { g.as_ref() }.free_name();
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
    let unstarted = unsafe { Unstarted::new(sched, options, Start::Now, Location::caller(), f)? };
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
        self.take()
    }

    /// The result of a goroutine that has ended, or is about to and has rung its bell for this handle.
    pub(crate) fn take(self) -> thread::Result<T> {
        let mut result: Option<thread::Result<T>> = None;
        let take_result = self.header().vtable.take_result;
        // SAFETY: the goroutine is done with the stage, so it is the handle's turn; `result` has the type that the
        // vtable writes. What is left is seen to when this handle is dropped.
        unsafe { take_result(self.g, (&raw mut result).cast()) };
        result.unwrap_or_else(|| crate::fatal::abort("a goroutine's result was taken twice"))
    }
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
