//! Calls that raise SIGPIPE and cannot be told not to: writes to pipes, `splice`, `sendfile`.
//!
//! Sockets have `MSG_NOSIGNAL`. std ignores the signal in Rust programs, so that there is nothing to do; but a program
//! with a `main` in C, or one that has restored the default action, would die of a peer that has left. There the signal is
//! blocked in this thread around the call:
//!
//! 1. is it ignored (one system call, 0.1 µs)? Then that is all;
//! 2. block it, in this thread; if it was blocked already, whatever happens is the program's business;
//! 3. call;
//! 4. if it is pending now, the call has raised it, for this thread: take it;
//! 5. unblock it.
//!
//! The call must not park: the mask is the thread's. Called by `pipe.rs` and `relay.rs`.

use std::mem::MaybeUninit;
use std::ptr;

/// Runs a call that does not park, without SIGPIPE.
pub(crate) fn quietly<T>(call: impl FnOnce() -> T) -> T {
    if is_ignored() {
        return call();
    }
    let only = set_of_one();
    let before = change_mask(libc::SIG_BLOCK, &only);
    let result = call();
    if !contains(&before) {
        if is_pending() {
            let mut number = 0;
            // SAFETY: a set and a number that outlive the call; returns at once, since the signal is pending.
            unsafe { libc::sigwait(&raw const only, &raw mut number) };
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

fn is_pending() -> bool {
    let mut set = empty_set();
    // SAFETY: a set to be filled.
    unsafe { libc::sigpending(&raw mut set) };
    contains(&set)
}

/// Changes this thread's mask; what it was. The arguments are valid, so it cannot fail.
fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = empty_set();
    // SAFETY: two sets that outlive the call.
    unsafe { libc::pthread_sigmask(how, ptr::from_ref(set), &raw mut before) };
    before
}
