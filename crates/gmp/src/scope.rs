//! Goroutines that borrow: a scope does not return before all of them have ended.
//!
//! The shape is `std::thread::scope`'s, and for its reason: a guard object could be forgotten, a function
//! that waits cannot.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use gmp_sched::Options;

use crate::Goexit;
use crate::context::{Cancel, Context};
use crate::sync::WaitGroup;

/// Where goroutines that borrow are started.
pub struct Scope<'scope, 'env: 'scope> {
    running: WaitGroup,
    shared: Arc<Shared>,
    context: Option<Context>,
    /// Invariant: `'scope` must neither grow nor shrink.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// What the goroutines of a scope tell it.
struct Shared {
    /// One that nobody joined has panicked.
    panicked: AtomicBool,
    /// Of the scope's context, if it has one.
    cancel: Option<Cancel>,
}

impl Shared {
    fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }
}

/// Runs `f`, which may start goroutines that borrow from outside the call, and returns when all of them have
/// ended. Parks the goroutine, blocks a thread.
///
/// # Panics
///
/// With `f`'s panic; or when a goroutine of the scope that was not joined has panicked.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let mut parts = [1, 2, 3];
/// gmp::scope(|s| {
///     for part in &mut parts {
///         s.go(move || *part *= 10);
///     }
/// });
/// assert_eq!(parts, [10, 20, 30]);
/// # }) };
/// ```
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    run(None, |scope| f(scope))
}

/// As [`scope()`], with a context below `parent` for `f` and its goroutines. It is cancelled as soon as one of
/// them, or `f`, panics, so that the others can stop early; and when all have ended.
///
/// # Panics
///
/// As [`scope()`].
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::context::{Context, ContextError};
///
/// let (parent, cancel) = Context::background().with_cancel();
/// gmp::scope_with_context(&parent, |s, context| {
///     let worker = s.go(|| context.done().recv());
///     cancel.cancel();
///     assert!(worker.join().unwrap().is_err());
///     assert_eq!(context.err(), Some(ContextError::Canceled));
/// });
/// # }) };
/// ```
pub fn scope_with_context<'env, F, T>(parent: &Context, f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>, &'scope Context) -> T,
{
    let (context, cancel) = parent.with_cancel();
    run(Some((context, cancel)), |scope| match &scope.context {
        Some(context) => f(scope, context),
        None => unreachable!("given above"),
    })
}

fn run<'env, F, T>(context: Option<(Context, Cancel)>, f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let (context, cancel) = context.unzip();
    let scope = Scope {
        running: WaitGroup::new(),
        shared: Arc::new(Shared { panicked: AtomicBool::new(false), cancel }),
        context,
        _scope: PhantomData,
        _env: PhantomData,
    };
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(&scope)));
    if result.is_err() {
        scope.shared.cancel();
    }
    scope.running.wait();
    scope.shared.cancel();
    match result {
        Err(payload) => panic::resume_unwind(payload),
        // Relaxed: `wait` has ordered everything the goroutines did.
        Ok(_) if scope.shared.panicked.load(Ordering::Relaxed) => {
            panic!("a scoped goroutine panicked")
        }
        Ok(value) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine that may borrow what outlives the scope. Neither parks nor blocks.
    ///
    /// # Panics
    ///
    /// When no runtime is running, or no stack can be had.
    #[track_caller]
    pub fn go<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let packet =
            Arc::new(Packet { result: Mutex::new(None), shared: Arc::clone(&self.shared) });
        self.running.add(1);
        let (mine, running) = (Arc::clone(&packet), self.running.clone());
        let body = move || {
            let result = panic::catch_unwind(AssertUnwindSafe(crate::local::with_locals(f)));
            if is_panic(&result) {
                mine.shared.cancel();
            }
            mine.put(result);
            // Gone before the scope can end: if the handle has been dropped, so is the result now.
            drop(mine);
            running.done();
        };
        // SAFETY: `F` and `T` are `Send`. `scope` returns only after `running` is done, when the goroutine holds
        // nothing of `'scope` any more; what the handle holds of it cannot outlive `'scope`.
        match unsafe { gmp_sched::spawn_unchecked(Options::default(), body) } {
            Ok(inner) => ScopedJoinHandle { inner, packet, _scope: PhantomData },
            Err(e) => {
                self.running.done();
                panic!("cannot start a goroutine: {e}")
            }
        }
    }
}

/// What a scoped goroutine leaves behind. Not in its task, whose end the scope does not wait for.
struct Packet<T> {
    result: Mutex<Option<thread::Result<T>>>,
    shared: Arc<Shared>,
}

/// Whether a goroutine has failed; one that ended itself by [`goexit`](crate::goexit) has not.
fn is_panic<T>(result: &thread::Result<T>) -> bool {
    result.as_ref().is_err_and(|payload| !payload.is::<Goexit>())
}

impl<T> Packet<T> {
    fn put(&self, result: thread::Result<T>) {
        *self.result.lock().unwrap_or_else(|e| e.into_inner()) = Some(result);
    }

    fn take(&self) -> Option<thread::Result<T>> {
        self.result.lock().unwrap_or_else(|e| e.into_inner()).take()
    }
}

impl<T> Drop for Packet<T> {
    fn drop(&mut self) {
        if self.take().is_some_and(|result| is_panic(&result)) {
            // Relaxed: ordered by `done` and `wait` of the scope.
            self.shared.panicked.store(true, Ordering::Relaxed);
        }
    }
}

/// A goroutine of a scope. Dropping it detaches the goroutine, which the scope still waits for.
pub struct ScopedJoinHandle<'scope, T> {
    inner: gmp_sched::JoinHandle<()>,
    packet: Arc<Packet<T>>,
    _scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the end. Parks the goroutine, blocks a thread.
    ///
    /// # Errors
    ///
    /// The payload of the goroutine's panic.
    pub fn join(self) -> thread::Result<T> {
        self.inner.join()?;
        match self.packet.take() {
            Some(result) => result,
            None => unreachable!("a goroutine that has ended has left its result"),
        }
    }

    /// Whether it has ended, so that `join` will not wait. Neither parks nor blocks.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// The goroutine's number.
    pub fn id(&self) -> crate::GoId {
        self.inner.id()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
