//! Waiting for a goroutine's end from asynchronous code: the joiner is a task, and has a waker.
//!
//! A goroutine or thread that joins stands in the join word itself. A future may be dropped, or polled with
//! another waker, at any time, so in its place stands a [`Bell`], a counted cell that holds the latest waker.
//!
//! - **B1** the future puts its waker into the bell, registers the bell once, and after each change of the
//!   waker looks whether it has been rung, or the word says that all is over.
//! - **B2** the goroutine that ends takes the bell out of the word, marks it as rung, then takes the waker out of
//!   it. So a waker that was put in too late to be taken finds the mark in B1. The result has been written by then;
//!   the goroutine's very end is still to come, and it or the handle, whoever is second, sees to the task.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::join::{BELL, Wait};
use crate::lock::Lock;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::task::JoinHandle;

/// Where a goroutine that ends finds the waker of whoever waits for it.
#[derive(Debug)]
#[repr(align(4))]
pub(crate) struct Bell {
    waker: Lock<Option<Waker>>,
    rung: AtomicBool,
}

impl Bell {
    /// The word that stands for this bell; it keeps a reference.
    fn into_word(self: Arc<Bell>) -> usize {
        Arc::into_raw(self).expose_provenance() | BELL
    }

    /// The bell of a registered word.
    ///
    /// # Safety
    ///
    /// `word` was registered in a join word, and its reference is given to the caller, once.
    pub(crate) unsafe fn from_word(word: usize) -> Arc<Bell> {
        let raw = ptr::with_exposed_provenance::<Bell>(word & !BELL);
        // SAFETY: from `into_word`, which gave its reference to the word; ours now (contract).
        unsafe { Arc::from_raw(raw) }
    }

    /// B2. Runs the code of a waker; not in critical sections.
    pub(crate) fn ring(&self) {
        // Release: pairs with Acquire in `is_rung`; the result is visible.
        self.rung.store(true, Ordering::Release);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            // A goroutine that ends has nobody to give a panic to.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    fn is_rung(&self) -> bool {
        // Acquire: pairs with Release in `ring`.
        self.rung.load(Ordering::Acquire)
    }

    fn put(&self, waker: Option<Waker>) {
        let old = std::mem::replace(&mut *self.waker.lock(), waker);
        // User code, after unlocking.
        drop(old);
    }
}

/// The end of a goroutine, as a future: what its closure returned, or the payload of its panic.
///
/// Dropping it detaches the goroutine, as dropping the handle does.
#[must_use = "futures do nothing unless polled"]
pub struct JoinFuture<T> {
    /// `None` once the result was given.
    handle: Option<JoinHandle<T>>,
    bell: Option<Arc<Bell>>,
}

// The result is received by value, and nothing points into the future.
impl<T> Unpin for JoinFuture<T> {}

impl<T> IntoFuture for JoinHandle<T> {
    type Output = thread::Result<T>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture { handle: Some(self), bell: None }
    }
}

impl<T> JoinFuture<T> {
    /// B1.
    fn is_over(&mut self, waker: &Waker) -> bool {
        let Some(handle) = &self.handle else { panic!("a JoinFuture was polled after its end") };
        if handle.is_finished() {
            return true;
        }
        let waker = Some(waker.clone());
        if let Some(bell) = &self.bell {
            bell.put(waker);
            return bell.is_rung() || handle.is_finished();
        }
        let bell = Arc::new(Bell { waker: Lock::new(waker), rung: AtomicBool::new(false) });
        let word = Arc::clone(&bell).into_word();
        if handle.word().wait(word) == Wait::Done {
            // SAFETY: not registered, so its reference is still ours.
            drop(unsafe { Bell::from_word(word) });
            return true;
        }
        self.bell = Some(bell);
        false
    }
}

impl<T> Future for JoinFuture<T> {
    type Output = thread::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_over(cx.waker()) {
            return Poll::Pending;
        }
        match self.handle.take() {
            Some(handle) => Poll::Ready(handle.take()),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for JoinFuture<T> {
    fn drop(&mut self) {
        if let Some(bell) = &self.bell {
            bell.put(None);
        }
    }
}

impl<T> fmt::Debug for JoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFuture").field("handle", &self.handle).finish_non_exhaustive()
    }
}
