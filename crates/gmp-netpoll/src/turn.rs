//! Whose turn it is to poll: one thread at a time sits in the poller's chair.
//!
//! A runtime polls from its scheduler and only needs to know that the chair is taken. Plain threads have no
//! scheduler: the first that waits sits down and polls for all (leader), the others park (followers). A
//! leader whose own wait is over gets up and asks one follower to take over.
//!
//! L1 the leader frees the chair; L2 under the lock it takes a candidate off the list and promotes it. F1 a
//! follower that found the chair taken puts itself on the list, under the lock; F2 it looks at the chair
//! again; F3 it parks; F4 it takes itself off the list, under the lock. If F1 comes before L2, L2 finds it.
//! If L2 comes first, the lock orders L1 before F2, which sees the chair free. A follower that leaves (F4)
//! and finds that it was promoted passes the promotion on, so none is lost.
//!
//! The road not taken is a polling thread of the crate's own: one more thread and two more context
//! switches per wake-up, in programs that may have few threads to begin with.

use std::ptr::NonNull;

use crate::sync::plain::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::waiter::ThreadWaiter;

/// The chair, and who would take it.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    taken: AtomicBool,
    candidates: Mutex<Vec<Candidate>>,
}

/// A parked follower; alive while it is on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate(NonNull<ThreadWaiter>);

// SAFETY: only used under the list's lock, while the follower waits for its removal (F4).
unsafe impl Send for Candidate {}

/// The right to poll, until dropped.
#[derive(Debug)]
pub(crate) struct Chair<'a>(&'a Turn);

impl Turn {
    /// Sits down if the chair is free. Neither parks nor blocks.
    #[inline]
    pub(crate) fn try_take(&self) -> Option<Chair<'_>> {
        // Acquire: pairs with Release in `Chair::drop`; the events buffer is the new owner's.
        self.taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            // Not `then_some`: a chair made and dropped in vain would free that of another.
            .then(|| Chair(self))
    }

    fn list(&self) -> MutexGuard<'_, Vec<Candidate>> {
        // A panic under the lock cannot leave the list half changed.
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// F1, F2. False: the chair is free by now, and the caller is not on the list.
    pub(crate) fn stand_by(&self, waiter: &ThreadWaiter) -> bool {
        let candidate = Candidate(NonNull::from(waiter));
        self.list().push(candidate);
        // Relaxed: the lock orders L1 before this look if L2 has missed the candidate.
        let taken = self.taken.load(Ordering::Relaxed);
        if !taken && self.withdraw(waiter) {
            self.promote_another();
        }
        taken
    }

    /// F4. Whether the follower was promoted; if so it owes the others a leader.
    pub(crate) fn withdraw(&self, waiter: &ThreadWaiter) -> bool {
        let mut list = self.list();
        let candidate = Candidate(NonNull::from(waiter));
        if let Some(at) = list.iter().position(|c| *c == candidate) {
            list.swap_remove(at);
        }
        waiter.take_promotion()
    }

    /// L2. Called after the chair was freed, or when a promotion cannot be used.
    pub(crate) fn promote_another(&self) {
        let mut list = self.list();
        // SAFETY: a candidate on the list is alive: it withdraws, under this lock, before it goes.
        let thread = list.pop().map(|Candidate(c)| unsafe { c.as_ref() }.promote());
        drop(list);
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}

impl Drop for Chair<'_> {
    fn drop(&mut self) {
        // L1. Release: pairs with Acquire in `try_take`.
        self.0.taken.store(false, Ordering::Release);
    }
}
