//! `Context` itself: the nearest scope, and the newest value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::{Cancel, Hook, Stop};
use super::error::{ContextError, Never};
use super::scope::Scope;
use super::value::Value;
use crate::chan::{Receiver, never};
use crate::sync::OnceLock;

/// Says whether work is still wanted, until when, and carries values for it. Clones are the same context.
///
/// ```
/// use gmp::context::Context;
/// use std::time::Duration;
///
/// #[derive(Debug, PartialEq)]
/// struct User(&'static str);
///
/// # unsafe { gmp::run(|| {
/// let request = Context::background().with_value(User("gopher"));
/// let (step, _cancel) = request.with_timeout(Duration::from_secs(1));
/// assert_eq!(step.value::<User>(), Some(&User("gopher")));
/// assert!(step.deadline().is_some() && step.err().is_none());
/// # }) };
/// ```
#[derive(Clone)]
pub struct Context {
    scope: Option<Arc<Scope>>,
    values: Option<Arc<Value>>,
}

/// The root of all contexts; see [`Context::background`].
pub const fn background() -> Context {
    Context::background()
}

impl Context {
    /// The root: never cancelled, no deadline, no values.
    pub const fn background() -> Context {
        Context { scope: None, values: None }
    }

    /// A context below this one, and the handle that cancels it.
    pub fn with_cancel(&self) -> (Context, Cancel) {
        self.below(None)
    }

    /// As [`with_deadline`](Context::with_deadline), `d` from now.
    pub fn with_timeout(&self, d: Duration) -> (Context, Cancel) {
        self.with_deadline(crate::time::after_now(d))
    }

    /// A context below this one that is cancelled with [`ContextError::DeadlineExceeded`] at `deadline`, not
    /// before; if that has passed, it is so from the start. An earlier deadline further up holds.
    ///
    /// # Panics
    ///
    /// When the deadline is in the future and no runtime is running.
    pub fn with_deadline(&self, deadline: Instant) -> (Context, Cancel) {
        self.below(Some(deadline))
    }

    fn below(&self, deadline: Option<Instant>) -> (Context, Cancel) {
        let scope = Scope::new(self.scope.as_ref(), deadline);
        let context = Context { scope: Some(Arc::clone(&scope)), values: self.values.clone() };
        (context, Cancel::new(scope))
    }

    /// This context with a value more. Its type is its key: it hides an older one of the same type, and a
    /// type of your own keeps it apart from everybody else's.
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Context {
        Context { scope: self.scope.clone(), values: Some(Value::push(self.values.clone(), value)) }
    }

    /// This context's values, without its cancellation and deadline.
    pub fn without_cancel(&self) -> Context {
        Context { scope: None, values: self.values.clone() }
    }

    /// The newest value of type `T`, here or further up. Takes time in proportion to the number of values.
    pub fn value<T: Any>(&self) -> Option<&T> {
        Value::find(self.values.as_ref())
    }

    /// A channel that is closed when the context is over, and not otherwise; it carries nothing. Any number of
    /// goroutines may have it in their selects without waiting for each other there.
    /// Neither parks nor blocks.
    pub fn done(&self) -> &Receiver<Never> {
        /// `done` of all contexts that are never over.
        static NEVER: OnceLock<Receiver<Never>> = OnceLock::new();
        match &self.scope {
            Some(scope) => scope.done(),
            None => NEVER.get_or_init(never),
        }
    }

    /// Why the context is over: `Some` if and only if [`done`](Context::done) is closed.
    pub fn err(&self) -> Option<ContextError> {
        self.scope.as_ref()?.outcome().map(|outcome| outcome.error)
    }

    /// What was given to [`Cancel::cancel_with`], here or further up; the [`err`](Context::err) if it was
    /// cancelled without. `None` while the context is not over.
    pub fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.scope.as_ref()?.cause()
    }

    /// When the context will be over at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.as_ref()?.deadline()
    }

    /// Runs `f` in a goroutine of its own when the context is over; now, if it is. If the context ends when
    /// no runtime is running, `f` is dropped.
    pub fn after_func(&self, f: impl FnOnce() + Send + 'static) -> Stop {
        Hook::set(self.scope.as_ref(), Box::new(f))
    }

    /// How many children the scope knows.
    #[cfg(test)]
    pub(super) fn children(&self) -> usize {
        self.scope.as_ref().map_or(0, |scope| scope.children())
    }
}

// A panic elsewhere leaves nothing of it half done.
impl UnwindSafe for Context {}
impl RefUnwindSafe for Context {}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("err", &self.err())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}
