//! Coroutine: the safe form. A function that can stop in the middle, hand a value out, and go on with a value handed in.
//!
//! Asymmetric: a coroutine is resumed by its owner and suspends to it. Everything it needs lies on its own stack, also the
//! closure it runs; the owner's side is three words. It stays on the thread that made it.
//!
//! ```text
//!   owner                                   coroutine
//!   resume(input)   -- word = &input -->    suspend(..) returns input
//!   Yielded(output) <-- word = &output --   suspend(output)
//!   Returned(value) <-- word = &outcome --  its closure returns; `arg` says so
//!   (drop)          -- word = null -->      suspend(..) unwinds to the entry
//! ```
//!
//! # Panics and destructors
//! A panic in the coroutine stops at its entry and goes on in `resume`. Dropping a coroutine that is suspended resumes it
//! once more with an unwind, so that the destructors on its stack run; code that catches the unwind and suspends again is
//! unwound again, for as long as it does. What stops any panic stops this one, too, and ends the process: an `extern "C"`
//! frame, a destructor that panics meanwhile, a destructor that was suspended in because of a panic. With `panic = "abort"`
//! there is no unwinding: the stack is leaked instead, and its destructors never run.
//!
//! A forgotten coroutine leaks its stack, which is never used again: what lies there may be borrowed, by the threads of a
//! `thread::scope` for example.
//!
//! # What the compiler does not see
//! A coroutine that is itself kept in a thread-local is dropped when its thread ends, perhaps after another thread-local whose
//! value it has borrowed over a suspension, by `with`; its destructors then find that value gone. No coroutine on stacks can
//! rule that out: keep none in a thread-local, or suspend in no `with`.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::ptr::{NonNull, null_mut};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crate::arch;
use crate::context::{Commit, Context, no_commit, prepare, shadow_stack_active};
use crate::fatal::fatal;
use crate::memory::StackMemory;
use crate::pooled::PooledStack;
use crate::stack::default_stack_size;
use crate::tools;

/// `arg` on the way to the owner: null for a yield, this for the end.
const FINISHED: *mut () = core::ptr::dangling_mut::<u8>().cast();

/// How often the closure must fit into the stack: it is moved there, and moved again when it starts, in debug builds
/// through a few temporaries; and something must remain for it to run on.
const CLOSURE_SHARE: usize = 8;

/// What [`Coroutine::resume`] came back with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumed<Out, Ret> {
    /// The coroutine suspended itself and can be resumed again.
    Yielded(Out),
    /// Its closure returned; it must not be resumed again.
    Returned(Ret),
}

/// A closure on a stack of its own that can be suspended and resumed.
///
/// `In` goes in with each resume, `Out` comes out with each suspension, `Ret` at the end.
///
/// ```
/// use gmp_context::{Coroutine, Resumed};
///
/// let mut sum = Coroutine::new(|y, first: u32| {
///     let second = y.suspend("more");
///     first + second
/// });
/// assert_eq!(sum.resume(40), Resumed::Yielded("more"));
/// assert_eq!(sum.resume(2), Resumed::Returned(42));
/// ```
///
/// It cannot leave its thread, since what lies on its stack may not:
///
/// ```compile_fail
/// let c = gmp_context::Coroutine::<(), (), ()>::new(|_, ()| ());
/// std::thread::spawn(move || drop(c));
/// ```
pub struct Coroutine<
    In: 'static,
    Out: 'static,
    Ret: 'static,
    S: StackMemory + 'static = PooledStack,
> {
    /// Where it is suspended; none when it has ended.
    context: Option<Context>,
    /// What it runs on. Dropped last, unless it must be leaked.
    stack: ManuallyDrop<S>,
    /// The closure, on the stack; read at the first resume.
    closure: *mut (),
    types: PhantomData<fn(In) -> (Out, Ret)>,
}

/// The coroutine's own end of the line: lets the code inside suspend itself.
pub struct Yielder<In, Out> {
    resumer: Cell<Context>,
    types: PhantomData<*mut fn(Out) -> In>,
}

/// Payload of the unwind by which a dropped coroutine ends.
struct ForcedUnwind;

impl<In, Out, Ret> Coroutine<In, Out, Ret> {
    /// A coroutine with a stack of [`default_stack_size`] that will run `f` at its first resume.
    ///
    /// # Panics
    /// When there is no stack; see [`with_stack_size`](Self::with_stack_size).
    pub fn new<F>(f: F) -> Self
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
    {
        match Self::with_stack_size(default_stack_size(), f) {
            Ok(coroutine) => coroutine,
            Err(error) => panic!("gmp: no stack for a coroutine: {error}"),
        }
    }

    /// As [`new`](Self::new), with a stack of `size` bytes, rounded up to a power of two.
    ///
    /// # Errors
    /// No address space or guard for one stack more (the text says which limit), `f` larger than an eighth of the stack, or a thread
    /// with a hardware shadow stack.
    pub fn with_stack_size<F>(size: usize, f: F) -> io::Result<Self>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
    {
        Self::with_stack(PooledStack::new(size)?, f)
    }
}

impl<In, Out, Ret, S: StackMemory> Coroutine<In, Out, Ret, S> {
    /// A coroutine on a stack of one's own.
    ///
    /// # Errors
    /// `f` larger than an eighth of the stack, or a thread with a hardware shadow stack. Drops the stack and `f`.
    #[inline]
    pub fn with_stack<F>(stack: S, f: F) -> io::Result<Self>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
    {
        refuse_shadow_stack(shadow_stack_active())?;
        let mut top = stack.top();
        if mem::size_of::<F>() > 0 {
            let align = mem::align_of::<F>().max(16);
            let room = top.addr().get() - stack.limit().addr().get();
            if mem::size_of::<F>().saturating_add(align) > room / CLOSURE_SHARE {
                return Err(closure_too_large());
            }
            let place = top.as_ptr().wrapping_sub(mem::size_of::<F>());
            let place = place.wrapping_sub(place.addr() % align);
            // SAFETY: below the top and above the limit, as checked; never null.
            top = unsafe { NonNull::new_unchecked(place) };
        }
        let closure = if mem::size_of::<F>() > 0 { top.cast::<F>() } else { NonNull::dangling() };
        // SAFETY: aligned for `F`, inside our stack, with room for it below the stack's top; or of no size.
        unsafe { closure.write(f) };
        // SAFETY: 16-aligned; the stack below is unused, large enough, and ours until the coroutine has ended.
        let context = unsafe { prepare(top, entry::<F, In, Out, Ret>) };
        Ok(Coroutine {
            context: Some(context),
            stack: ManuallyDrop::new(stack),
            closure: closure.as_ptr().cast(),
            types: PhantomData,
        })
    }

    /// The stack of a coroutine that has ended, for the next one.
    ///
    /// # Panics
    /// When it has not ended; that drops it.
    #[inline]
    pub fn into_stack(self) -> S {
        assert!(self.is_finished(), "gmp: a coroutine that has not ended needs its stack");
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once: the coroutine is not dropped.
        unsafe { ManuallyDrop::take(&mut this.stack) }
    }

    /// What it runs on.
    #[inline]
    pub fn stack(&self) -> &S {
        &self.stack
    }

    /// Lets the coroutine run until it suspends or ends.
    ///
    /// # Panics
    /// With the coroutine's own panic, when it ended by one. When it has ended before.
    #[inline]
    pub fn resume(&mut self, input: In) -> Resumed<Out, Ret> {
        let Some(context) = self.context.take() else { resumed_after_end() };
        let mut input = ManuallyDrop::new(input);
        // SAFETY: a context of this coroutine, taken, so used once; `input` is read on the other side, and outlives it.
        match unsafe { self.enter(context, (&raw mut input).cast()) } {
            Resumed::Yielded(output) => Resumed::Yielded(output),
            Resumed::Returned(Ok(value)) => Resumed::Returned(value),
            Resumed::Returned(Err(panic)) => resume_unwind(panic),
        }
    }

    /// Whether it has ended, by returning or by a panic.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.context.is_none()
    }

    /// Switches over and takes what comes back.
    ///
    /// # Safety
    /// `context` is this coroutine's, and `word` null or a pointer to an `In` that the other side may move out.
    #[inline(always)]
    unsafe fn enter(
        &mut self,
        context: Context,
        word: *mut (),
    ) -> Resumed<Out, thread::Result<Ret>> {
        let departure = tools::leave(context);
        // SAFETY: suspended and used once — the caller's promise; its stack is ours, and we are resumed only by it. The
        // coroutine stays on this thread, so references to thread-locals stay right.
        let back = unsafe { arch::switch(context, no_commit, self.closure, word) };
        tools::arrive(&departure, back.leaving);
        if back.arg.is_null() {
            self.context = Some(back.leaving);
            // SAFETY: a null `arg` means that `word` leads to an `Out` on the coroutine's stack, ours to move out.
            return Resumed::Yielded(unsafe { back.word.cast::<Out>().read() });
        }
        // SAFETY: otherwise it leads to the outcome, ours to move out.
        Resumed::Returned(unsafe { back.word.cast::<thread::Result<Ret>>().read() })
    }
}

/// With a shadow stack the first `ret` after a switch would fault.
#[inline]
fn refuse_shadow_stack(active: bool) -> io::Result<()> {
    if active { Err(no_shadow_stacks()) } else { Ok(()) }
}

#[cold]
fn no_shadow_stacks() -> io::Error {
    let text = "this thread has a hardware shadow stack, which forbids switching stacks; \
                run with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off";
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cold]
fn closure_too_large() -> io::Error {
    let text =
        "the closure is too large for the stack; give it a larger one, or box what it captures";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cold]
fn resumed_after_end() -> ! {
    panic!("gmp: a coroutine was resumed after its end")
}

impl<In, Out> Yielder<In, Out> {
    /// Suspends the coroutine: `resume` returns `output`, and the next `resume` passes in what this returns.
    ///
    /// Called while a destructor runs because of a panic, it works, but the owner then sees `thread::panicking()`.
    ///
    /// # Panics
    /// Unwinds, without a message, when the coroutine is dropped instead of resumed.
    #[inline]
    pub fn suspend(&self, output: Out) -> In {
        let mut output = ManuallyDrop::new(output);
        let word = (&raw mut output).cast();
        let departure = tools::leave(self.resumer.get());
        // SAFETY: the resumer is suspended in `enter` and used once per resume; it reads `output`, which outlives that. We
        // run on the coroutine: a `Yielder` is lent to its closure only, cannot be sent, and cannot be moved into another
        // coroutine, whose types are 'static.
        let back = unsafe { arch::switch(self.resumer.get(), no_commit, null_mut(), word) };
        tools::arrive(&departure, back.leaving);
        self.resumer.set(back.leaving);
        if back.word.is_null() {
            unwind_now();
        }
        // SAFETY: a word that is not null leads to an `In`, ours to move out.
        unsafe { back.word.cast::<In>().read() }
    }
}

#[cold]
fn unwind_now() -> ! {
    resume_unwind(Box::new(ForcedUnwind))
}

/// First frame of every coroutine.
unsafe extern "C" fn entry<F, In, Out, Ret>(
    leaving: Context,
    _commit: Commit,
    closure: *mut (),
    word: *mut (),
) -> !
where
    F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
{
    let yielder = Yielder { resumer: Cell::new(leaving), types: PhantomData };
    let run = || {
        // SAFETY: `with_stack` wrote it there, and this is the only read.
        let f = unsafe { closure.cast::<F>().read() };
        if word.is_null() {
            // Dropped before the first resume.
            drop(f);
            unwind_now();
        }
        // SAFETY: a word that is not null leads to an `In`, ours to move out.
        let input = unsafe { word.cast::<In>().read() };
        f(&yielder, input)
    };
    // Nobody looks at broken invariants afterwards except who gets the panic, as with any call that panics.
    let mut outcome = ManuallyDrop::new(catch_unwind(AssertUnwindSafe(run)));
    let word = (&raw mut outcome).cast();
    tools::leave_for_good(yielder.resumer.get());
    // SAFETY: the resumer is suspended in `enter`; it moves the outcome out and never comes back.
    unsafe { arch::switch(yielder.resumer.get(), no_commit, FINISHED, word) };
    fatal("a coroutine was resumed after its end")
}

impl<In, Out, Ret, S: StackMemory> Coroutine<In, Out, Ret, S> {
    /// Unwinds what is suspended, so that the destructors on its stack run. The first panic that comes out of them.
    #[cold]
    fn unwind(&mut self) -> thread::Result<()> {
        let mut first = Ok(());
        while let Some(context) = self.context.take() {
            // SAFETY: this coroutine's, taken, so used once; null asks for the unwind.
            let result = match unsafe { self.enter(context, null_mut()) } {
                // It caught the unwind and suspended again: once more.
                Resumed::Yielded(output) => catch_unwind(AssertUnwindSafe(|| drop(output))),
                Resumed::Returned(Ok(value)) => catch_unwind(AssertUnwindSafe(|| drop(value))),
                Resumed::Returned(Err(panic)) if panic.is::<ForcedUnwind>() => Ok(()),
                Resumed::Returned(Err(panic)) => Err(panic),
            };
            first = first.and(result);
        }
        first
    }
}

impl<In, Out, Ret, S: StackMemory> Drop for Coroutine<In, Out, Ret, S> {
    #[inline]
    fn drop(&mut self) {
        let mut result = Ok(());
        if self.context.is_some() {
            if cfg!(panic = "abort") {
                return;
            }
            result = self.unwind();
        }
        // SAFETY: once, in the drop; the coroutine has ended.
        unsafe { ManuallyDrop::drop(&mut self.stack) };
        if let Err(panic) = result {
            // As anywhere else, a destructor's panic goes on unless we are panicking already.
            if !thread::panicking() {
                resume_unwind(panic);
            }
        }
    }
}

impl<In, Out, Ret, S: StackMemory> core::fmt::Debug for Coroutine<In, Out, Ret, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Coroutine")
            .field("context", &self.context)
            .field("limit", &self.stack.limit())
            .finish_non_exhaustive()
    }
}

impl<In, Out> core::fmt::Debug for Yielder<In, Out> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Yielder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No CPU of the test machines has one that is on, so what is asked is answered here.
    #[test]
    fn a_shadow_stack_is_refused_with_the_way_out() {
        let error = refuse_shadow_stack(true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("GLIBC_TUNABLES=glibc.cpu.x86_shstk=off"), "{error}");
        assert!(refuse_shadow_stack(shadow_stack_active()).is_ok());
    }
}
