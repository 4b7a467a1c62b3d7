//! `ErrGroup`: goroutines that belong together, and the first error of any of them.
//!
//! Go's `errgroup` in Rust's types. A group may be tied to a context, which is cancelled by the first
//! failure, so that the others can stop early.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::condvar::Condvar;
use super::mutex::Mutex;
use crate::context::{Cancel, Context};

/// A group of goroutines that return errors.
///
/// Dropping a group waits for nothing.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let group = gmp::sync::ErrGroup::new();
/// for n in [1, 2, 0] {
///     group.go(move || 10_u32.checked_div(n).map(drop).ok_or("division by zero"));
/// }
/// assert_eq!(group.wait(), Err("division by zero"));
/// # }) };
/// ```
pub struct ErrGroup<E> {
    shared: Arc<Shared<E>>,
}

struct Shared<E> {
    state: Mutex<State<E>>,
    /// A goroutine has ended, or the limit has changed.
    change: Condvar,
    /// Of the context that the first failure cancels.
    cancel: Option<Cancel>,
}

struct State<E> {
    active: usize,
    limit: usize,
    failure: Option<Failure<E>>,
}

enum Failure<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

impl<E: Send + 'static> ErrGroup<E> {
    /// An empty group without a limit.
    pub fn new() -> ErrGroup<E> {
        ErrGroup::build(None)
    }

    /// An empty group, and a context below `parent` that is cancelled when the first goroutine of the group
    /// fails, when [`wait`](ErrGroup::wait) returns, or when the group is gone. Its cause is that it was cancelled: the error
    /// itself, which `E` alone describes, is [`wait`](ErrGroup::wait)'s.
    pub fn with_context(parent: &Context) -> (ErrGroup<E>, Context) {
        let (context, cancel) = parent.with_cancel();
        (ErrGroup::build(Some(cancel)), context)
    }

    fn build(cancel: Option<Cancel>) -> ErrGroup<E> {
        let state = Mutex::new(State { active: 0, limit: usize::MAX, failure: None });
        ErrGroup { shared: Arc::new(Shared { state, change: Condvar::new(), cancel }) }
    }

    /// At most `n` goroutines of the group from now on; more [`go`](ErrGroup::go)s wait. Those that run
    /// are left alone, whatever the limit; with 0 none can be added. Neither parks nor blocks for long.
    pub fn set_limit(&self, n: usize) {
        self.shared.state.lock().limit = n;
        self.shared.change.notify_all();
    }

    /// Starts `f` in a goroutine of the group. While the group is at its limit, parks the goroutine, blocks
    /// a plain thread.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let mut state = self.shared.state.lock();
        while state.active >= state.limit {
            self.shared.change.wait(&mut state);
        }
        state.active += 1;
        drop(state);
        self.start(f);
    }

    /// Starts `f` unless the group is at its limit; returns whether it did. Neither parks nor blocks for
    /// long.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn try_go<F>(&self, f: F) -> bool
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let mut state = self.shared.state.lock();
        if state.active >= state.limit {
            return false;
        }
        state.active += 1;
        drop(state);
        self.start(f);
        true
    }

    /// Waits until all goroutines of the group have ended; then gives the first error, once. The group may
    /// be used again afterwards, except that its context, if it has one, is cancelled. Parks the goroutine,
    /// blocks a plain thread.
    ///
    /// # Panics
    ///
    /// With the panic of a goroutine of the group, if that was the first failure.
    pub fn wait(&self) -> Result<(), E> {
        let mut state = self.shared.state.lock();
        while state.active > 0 {
            self.shared.change.wait(&mut state);
        }
        let failure = state.failure.take();
        drop(state);
        self.shared.cancel();
        match failure {
            None => Ok(()),
            Some(Failure::Error(error)) => Err(error),
            Some(Failure::Panic(payload)) => resume_unwind(payload),
        }
    }

    /// Starts `f`, which has been counted.
    #[track_caller]
    fn start<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let member = Member { shared: Arc::clone(&self.shared), failure: None };
        drop(crate::go(move || {
            // The whole of it, so that it is dropped here, at the end.
            let mut member = member;
            // The closure is consumed, and nothing of it is looked at after a panic.
            member.failure = match catch_unwind(AssertUnwindSafe(f)) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Failure::Error(error)),
                Err(payload) if payload.is::<crate::Goexit>() => None,
                Err(payload) => Some(Failure::Panic(payload)),
            };
        }));
    }
}

impl<E> Shared<E> {
    fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }
}

/// One goroutine of the group; its drop is its end, also when it could not be started.
struct Member<E> {
    shared: Arc<Shared<E>>,
    failure: Option<Failure<E>>,
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        let mut surplus = self.failure.take();
        let failed = surplus.is_some();
        let mut state = self.shared.state.lock();
        if state.failure.is_none() {
            state.failure = surplus.take();
        }
        drop(state);
        if failed {
            // Before the group can be found to have ended.
            self.shared.cancel();
        }
        self.shared.state.lock().active -= 1;
        self.shared.change.notify_all();
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    fn default() -> ErrGroup<E> {
        ErrGroup::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ErrGroup");
        if let Some(state) = self.shared.state.try_lock() {
            out.field("active", &state.active).field("failed", &state.failure.is_some());
        }
        out.finish_non_exhaustive()
    }
}
