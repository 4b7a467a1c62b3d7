//! The handles: `Cancel` ends a context, `Stop` takes back a function that waits for the end of one.

use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::error::ContextError;
use super::scope::{Child, Outcome, Place, Scope};
use crate::sync::Mutex;

/// Cancels a context and all below it; dropping it does, too.
///
/// ```
/// use gmp::context::Context;
///
/// let (context, cancel) = Context::background().with_cancel();
/// cancel.cancel_with("the user left");
/// assert_eq!(context.cause().unwrap().to_string(), "the user left");
/// ```
#[derive(Debug)]
#[must_use = "dropping it cancels the context"]
pub struct Cancel {
    scope: Arc<Scope>,
}

impl Cancel {
    pub(super) fn new(scope: Arc<Scope>) -> Cancel {
        Cancel { scope }
    }

    /// Cancels, unless the context is over already. When it returns, everything below is cancelled. Neither
    /// parks nor blocks for long; takes time in proportion to the number of contexts below.
    pub fn cancel(&self) {
        self.scope.cancel(Outcome::plain(ContextError::Canceled));
    }

    /// As [`cancel`](Cancel::cancel), and says why: the context, and those below that are cancelled by this,
    /// give it as their [`cause`](super::Context::cause).
    pub fn cancel_with(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        let cause = Some(Arc::from(cause.into()));
        self.scope.cancel(Outcome { error: ContextError::Canceled, cause });
    }

    /// Why the context is over, as its own [`cause`](super::Context::cause) says.
    pub fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.scope.cause()
    }
}

// A panic elsewhere leaves nothing of it half done.
impl UnwindSafe for Cancel {}
impl RefUnwindSafe for Cancel {}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A function that runs when a context is over, until it has been started or taken back.
pub(super) struct Hook {
    function: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    parent: Place,
}

impl Hook {
    /// Waits for the end of `scope`; if that is over, starts `function` now. Without a scope it never runs.
    pub(super) fn set(scope: Option<&Arc<Scope>>, function: Box<dyn FnOnce() + Send>) -> Stop {
        let hook =
            Arc::new(Hook { function: Mutex::new(Some(function)), parent: Place::below(scope) });
        let over = scope.and_then(|scope| scope.join(Child::Hook(Arc::clone(&hook)), &hook.parent));
        if over.is_some() {
            hook.fire();
        }
        Stop { hook }
    }

    /// Starts the function in a goroutine, unless it was started or taken back before. Without a running
    /// runtime it is dropped: goroutines that have not ended by then never run again, either.
    pub(super) fn fire(&self) {
        let function = self.function.lock().take();
        if let Some(function) = function.filter(|_| gmp_sched::running()) {
            drop(crate::go(function));
        }
    }
}

/// Takes back what [`Context::after_func`](super::Context::after_func) was given. Dropping it does nothing.
pub struct Stop {
    hook: Arc<Hook>,
}

impl Stop {
    /// Prevents the run. True when it did; false when the function has been started, or was stopped before.
    /// Does not wait for a function that runs. Neither parks nor blocks for long.
    pub fn stop(&self) -> bool {
        let function = self.hook.function.lock().take();
        let stopped = function.is_some();
        if stopped {
            self.hook.parent.leave();
        }
        stopped
    }
}

// A panic elsewhere leaves nothing of it half done.
impl UnwindSafe for Stop {}
impl RefUnwindSafe for Stop {}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}
