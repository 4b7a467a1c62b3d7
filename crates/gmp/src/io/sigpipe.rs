//! Calls that raise SIGPIPE and cannot be told not to: writes to pipes, `splice`, `sendfile`.
//!
//! Sockets have `MSG_NOSIGNAL`. std ignores the signal in Rust programs, so that there is nothing to do; but a program
//! with a `main` in C, or one that has restored the default action, would die of a peer that has left. There the signal is
//! blocked in this thread around the call:
//!
//! 1. is it ignored (one system call, 0.1 µs)? Then that is all;
//! 2. block it, in this thread; if it was blocked already, whatever happens is the program's business;
//! 3. call;
//! 4. has it failed with `EPIPE`, or moved less than it was to? Then it may have raised the signal: take it if it is
//!    pending (`sys::take_signal`, which does not wait). `splice` and `sendfile` tell of what they moved before;
//! 5. unblock it.
//!
//! A call that moved everything raises nothing: a signal that is pending after it is somebody else's and stays.
//! The call must not park: the mask is the thread's. Called by `pipe.rs` and `relay.rs`.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use crate::sys;

/// Runs a call that is to move `wanted` bytes and does not park, without SIGPIPE.
pub(crate) fn quietly(
    wanted: usize,
    call: impl FnOnce() -> io::Result<usize>,
) -> io::Result<usize> {
    if is_ignored() {
        return call();
    }
    let only = set_of_one();
    let before = change_mask(libc::SIG_BLOCK, &only);
    let result = call();
    if !contains(&before) {
        let raised = match &result {
            Ok(moved) => *moved < wanted,
            Err(error) => error.raw_os_error() == Some(libc::EPIPE),
        };
        if raised {
            sys::take_signal(libc::SIGPIPE, &only);
        }
        change_mask(libc::SIG_SETMASK, &before);
    }
    result
}

fn is_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no new action is given, the old one has room.
    if unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: written, since the call succeeded.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: a set to be filled.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: filled.
    unsafe { set.assume_init() }
}

fn set_of_one() -> libc::sigset_t {
    let mut set = empty_set();
    // SAFETY: an initialised set, a signal that exists.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGPIPE) };
    set
}

fn contains(set: &libc::sigset_t) -> bool {
    // SAFETY: an initialised set.
    unsafe { libc::sigismember(ptr::from_ref(set), libc::SIGPIPE) == 1 }
}

/// Changes this thread's mask; what it was. The arguments are valid, so it cannot fail.
fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = empty_set();
    // SAFETY: two sets that outlive the call.
    unsafe { libc::pthread_sigmask(how, ptr::from_ref(set), &raw mut before) };
    before
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Of a thread, since the signals are raised for this one; other tests may cause some of their own.
        static HANDLED: Cell<usize> = const { Cell::new(0) };
    }

    extern "C" fn count(_: libc::c_int) {
        HANDLED.set(HANDLED.get() + 1);
    }

    /// What `quietly` makes of a call that has `outcome` and raises the signal for this thread if `raises`: how often the
    /// handler has run when it is over.
    fn handled(raises: bool, outcome: Result<usize, i32>) -> usize {
        let before = HANDLED.get();
        let result = quietly(8, || {
            // SAFETY: has no preconditions; the signal is blocked.
            if raises && unsafe { libc::raise(libc::SIGPIPE) } != 0 {
                return Err(io::Error::last_os_error());
            }
            outcome.map_err(io::Error::from_raw_os_error)
        });
        assert_eq!(result.map_err(|error| error.raw_os_error()), outcome.map_err(Some));
        HANDLED.get() - before
    }

    /// One test, since a process has one handler.
    #[test]
    fn the_signal_of_the_call_is_taken_and_no_other() {
        let handler: extern "C" fn(libc::c_int) = count;
        // SAFETY: a handler that only counts.
        let before = unsafe { libc::signal(libc::SIGPIPE, handler as libc::sighandler_t) };
        assert_eq!(handled(true, Err(libc::EPIPE)), 0);
        assert_eq!(handled(true, Ok(3)), 0, "some was moved before the peer left");
        assert_eq!(handled(true, Ok(8)), 1, "not raised by the call");
        assert_eq!(handled(true, Err(libc::EAGAIN)), 1, "not raised by the call");
        // As when another thread has taken it meanwhile: nothing to take, and no waiting for it.
        assert_eq!(handled(false, Err(libc::EPIPE)), 0);
        assert_eq!(handled(false, Ok(3)), 0);
        // SAFETY: what it was.
        unsafe { libc::signal(libc::SIGPIPE, before) };
    }
}
