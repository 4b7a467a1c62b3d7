//! Waiting for a future from blocking-style code.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gmp_sched::{Lock, WaitReason, Waiter, park};

/// Polls `future` to its end. Between polls the goroutine parks (a plain thread blocks).
///
/// The future is polled on the calling goroutine's stack. A future that needs the reactor of another runtime
/// needs that runtime to be running elsewhere.
///
/// ```
/// # unsafe { gmp::run(|| {
/// assert_eq!(gmp::block_on(async { 1 + 1 }), 2);
/// # }) };
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal { state: Lock::new(State::Quiet) });
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        signal.wait();
    }
}

/// Whether the waker was called, and who sleeps until it is.
struct Signal {
    state: Lock<State>,
}

enum State {
    Quiet,
    Woken,
    Waiting(Waiter),
}

impl Signal {
    fn wait(&self) {
        let waiter = Waiter::current();
        let mut state = self.state.lock();
        if matches!(*state, State::Woken) {
            *state = State::Quiet;
            return;
        }
        *state = State::Waiting(waiter);
        // SAFETY: the caller's waiter; `wake` takes it out, once, under the lock that the commit releases.
        unsafe { park(waiter, WaitReason::Future, move || drop(state)) };
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut *state, State::Woken);
        if let State::Waiting(waiter) = before {
            *state = State::Quiet;
            drop(state);
            // SAFETY: taken out under the lock, so this is the only call for this park.
            unsafe { waiter.ready() };
        }
    }
}
