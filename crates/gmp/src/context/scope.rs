//! Scopes: what can be cancelled, in a tree.
//!
//! Ownership: a parent holds its live children (strongly: a child must hear of a cancellation even when only
//! its `done` is being waited for), a child knows its parent weakly, for leaving. The cycle that would be is
//! none: every scope is cancelled before its last handle goes, by [`Cancel`](super::Cancel)'s drop, and
//! then leaves its parent.
//!
//! Cancelling, steps cited below:
//! - **C1** under the scope's lock: if it has no outcome yet, it gets one. From here on no child can join.
//! - **C2** its `done` is closed, if somebody has asked for it. Who sees the outcome before that closes
//!   `done` itself before it tells anybody; who sees `done` closed finds the outcome. Hence "if and only if".
//! - **C3** its children get the same, breadth first, from a list: no recursion. They stay in the parent's
//!   list meanwhile, so a second canceller that comes along finds and cancels them, too, instead of
//!   returning early.
//! - **C4** when all below are cancelled, the lists are emptied: an empty list of a cancelled scope says
//!   that everything below it is cancelled.
//! - **C5** the scope where it began leaves its parent; the others' parents have been emptied.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use gmp_sched::{Delayed, spawn_at};

use super::cancel::Hook;
use super::error::{ContextError, Never};
use super::slab::Slab;
use crate::chan::Receiver;
use crate::chan::end::End;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, OnceLock};

/// How a scope ended.
#[derive(Clone)]
pub(super) struct Outcome {
    pub(super) error: ContextError,
    /// If somebody gave one.
    pub(super) cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Outcome {
    pub(super) fn plain(error: ContextError) -> Outcome {
        Outcome { error, cause: None }
    }
}

/// Something that can be cancelled, and what is to be cancelled with it.
pub(super) struct Scope {
    /// Set once (C1).
    outcome: OnceLock<Outcome>,
    /// Whether C2 is over.
    closed: AtomicBool,
    /// Made when somebody asks for it, under the lock of `family`.
    done: OnceLock<Done>,
    deadline: Option<Instant>,
    parent: Place,
    family: Mutex<Family>,
}

/// The channel, and what closes it.
struct Done {
    end: Arc<End>,
    receiver: Receiver<Never>,
}

struct Family {
    children: Slab<Child>,
    timer: Option<Delayed>,
}

/// Who hears of a cancellation.
#[derive(Clone)]
pub(super) enum Child {
    Scope(Arc<Scope>),
    Hook(Arc<Hook>),
}

/// Where a child is kept, for leaving.
pub(super) struct Place {
    parent: Weak<Scope>,
    slot: AtomicUsize,
}

impl Place {
    /// In `parent`, once it joins.
    pub(super) fn below(parent: Option<&Arc<Scope>>) -> Place {
        Place {
            parent: parent.map_or_else(Weak::new, Arc::downgrade),
            slot: AtomicUsize::new(usize::MAX),
        }
    }

    /// Leaves the parent, if it still knows the child.
    pub(super) fn leave(&self) {
        let Some(parent) = self.parent.upgrade() else { return };
        // Relaxed: written before the child's handle was given to anybody.
        let slot = self.slot.load(Ordering::Relaxed);
        let child = parent.family.lock().children.remove(slot);
        // Not under the lock: it may be the last reference.
        drop(child);
    }
}

impl Scope {
    /// A scope below `parent`, over at `deadline` or when the parent is.
    pub(super) fn new(parent: Option<&Arc<Scope>>, deadline: Option<Instant>) -> Arc<Scope> {
        let inherited = parent.and_then(|p| p.deadline);
        let own = deadline.filter(|&d| inherited.is_none_or(|i| d < i));
        let scope = Arc::new(Scope {
            outcome: OnceLock::new(),
            closed: AtomicBool::new(false),
            done: OnceLock::new(),
            deadline: own.or(inherited),
            parent: Place::below(parent),
            family: Mutex::new(Family { children: Slab::new(), timer: None }),
        });
        if let Some(outcome) =
            parent.and_then(|p| p.join(Child::Scope(Arc::clone(&scope)), &scope.parent))
        {
            scope.cancel(outcome);
        } else if scope.deadline.is_some_and(|d| d <= crate::time::now()) {
            scope.cancel(Outcome::plain(ContextError::DeadlineExceeded));
        } else if let Some(deadline) = own {
            scope.set_timer(deadline);
        }
        scope
    }

    /// Adds a child that is kept at `place`. If the scope is over, gives its outcome instead.
    pub(super) fn join(&self, child: Child, place: &Place) -> Option<Outcome> {
        let mut family = self.family.lock();
        if let Some(outcome) = self.outcome.get() {
            return Some(outcome.clone());
        }
        // Relaxed: see `Place::leave`.
        place.slot.store(family.children.insert(child), Ordering::Relaxed);
        None
    }

    fn set_timer(self: &Arc<Scope>, deadline: Instant) {
        let scope = Arc::downgrade(self);
        let timer = spawn_at(deadline, move || {
            if let Some(scope) = scope.upgrade() {
                scope.cancel(Outcome::plain(ContextError::DeadlineExceeded));
            }
        });
        let mut family = self.family.lock();
        if self.outcome.get().is_none() {
            family.timer = Some(timer);
        } else {
            // The parent was faster.
            drop(family);
            timer.cancel();
        }
    }

    /// The outcome, once there is one; `done` is closed then. A deadline that has passed is one, also when its
    /// timer has not had its turn yet: who was told of a timeout finds the context over.
    pub(super) fn outcome(self: &Arc<Scope>) -> Option<&Outcome> {
        if self.outcome.get().is_none() {
            self.deadline.filter(|&deadline| deadline <= crate::time::now())?;
            self.cancel(Outcome::plain(ContextError::DeadlineExceeded));
        }
        let outcome = self.outcome.get()?;
        self.close_done();
        Some(outcome)
    }

    /// What was given as the reason; else the error.
    pub(super) fn cause(self: &Arc<Scope>) -> Option<Arc<dyn Error + Send + Sync>> {
        let outcome = self.outcome()?;
        Some(outcome.cause.clone().unwrap_or_else(|| Arc::new(outcome.error)))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The channel that is closed when the scope is over.
    pub(super) fn done(&self) -> &Receiver<Never> {
        if let Some(done) = self.done.get() {
            return &done.receiver;
        }
        // Under the lock, so that C1 comes before and is seen here, or after and sees the channel.
        let _family = self.family.lock();
        let done = self.done.get_or_init(|| {
            let end = End::new();
            if self.outcome.get().is_some() {
                // Before anybody can see the channel, for C2 is over, or will find it closed.
                end.close();
            }
            Done { receiver: Receiver::until(Arc::clone(&end)), end }
        });
        &done.receiver
    }

    /// C2.
    fn close_done(&self) {
        // Acquire: pairs with Release below; the channel has been closed.
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        // The lock of C1 has been released since: whoever asked for the channel before is seen here.
        drop(self.family.lock());
        if let Some(done) = self.done.get() {
            done.end.close();
        }
        // Release: pairs with Acquire above.
        self.closed.store(true, Ordering::Release);
    }

    /// Ends this scope and all below, unless it is over already; C1 to C5.
    pub(super) fn cancel(self: &Arc<Scope>, outcome: Outcome) {
        let mut reached = vec![(Arc::clone(self), outcome)];
        let mut hooks = Vec::new();
        let mut next = 0;
        while let Some((scope, outcome)) =
            reached.get(next).map(|(s, o)| (Arc::clone(s), o.clone()))
        {
            next += 1;
            scope.end(outcome, &mut reached, &mut hooks);
        }
        for (scope, _) in &reached {
            // C4. Dropped after the lock is released.
            let _children = std::mem::replace(&mut scope.family.lock().children, Slab::new());
        }
        self.parent.leave(); // C5
        for hook in hooks {
            hook.fire();
        }
    }

    /// C1 to C3 for this scope; its children are added to `reached` and `hooks`.
    fn end(
        &self,
        outcome: Outcome,
        reached: &mut Vec<(Arc<Scope>, Outcome)>,
        hooks: &mut Vec<Arc<Hook>>,
    ) {
        let mut family = self.family.lock();
        let outcome = self.outcome.get_or_init(|| outcome);
        let timer = family.timer.take();
        for child in family.children.iter() {
            match child {
                Child::Scope(scope) => reached.push((Arc::clone(scope), outcome.clone())),
                Child::Hook(hook) => hooks.push(Arc::clone(hook)),
            }
        }
        drop(family);
        self.close_done();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }

    /// How many children are known, for tests.
    #[cfg(test)]
    pub(super) fn children(&self) -> usize {
        self.family.lock().children.len()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.outcome.get().map(|outcome| outcome.error);
        f.debug_struct("Scope")
            .field("error", &error)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
