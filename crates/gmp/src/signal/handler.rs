//! The signal handler: calls whoever was there before, then counts and rings.
//!
//! In this order, so that who receives the signal finds done what the older handler does; it is promised
//! (`signal`). The price: an older handler that never returns, since it leaves by `siglongjmp`, keeps the signal from
//! the receivers. One that ends the process keeps nothing from anybody.
//!
//! Installed with `SA_ONSTACK`, so that a goroutine's small stack needs no room for it (which is why none of
//! the well-kept crates for this is used: they install without), with `SA_RESTART`, and with all other signals
//! blocked, so that it is never stopped half-way. What it needs was stored for it beforehand. Called by
//! `dispatch.rs` under its lock.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

use super::number::{LARGEST, Signal};
use crate::sys;

/// Where the handler writes; -1 before there is one.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// Signals that came and were not passed on yet, by number.
static PENDING: [AtomicU32; LARGEST + 1] = [const { AtomicU32::new(0) }; LARGEST + 1];

/// The actions that were there before: null, or leaked.
static BEFORE: [AtomicPtr<libc::sigaction>; LARGEST + 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LARGEST + 1];

/// Names the descriptor to write to. Before the first `install`; it stays open for ever.
pub(super) fn set_bell(fd: libc::c_int) {
    // Release: pairs with Acquire in `handler`.
    BELL.store(fd, Ordering::Release);
}

/// Takes the signals of a number that have come since the last call.
pub(super) fn take_pending(signal: Signal) -> u32 {
    // Acquire: pairs with Release in `handler`; whatever happened before the signal is visible.
    PENDING[signal.index()].swap(0, Ordering::Acquire)
}

/// Installs the handler for a signal. Allocates.
///
/// # Errors
///
/// The system's: it does not know the number.
pub(super) fn install(signal: Signal) -> io::Result<()> {
    let before = Box::leak(Box::new(action(signal, None)?));
    // Known before ours can run. An older one is leaked: the handler may be reading it.
    // Release: pairs with Acquire in `handler`; the action is complete.
    BEFORE[signal.index()].store(before, Ordering::Release);
    let mut ours = *before;
    ours.sa_sigaction = handler as extern "C" fn(_, _, _) as libc::sighandler_t;
    ours.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_SIGINFO;
    // SAFETY: a set to be filled.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    action(signal, Some(&ours)).map(|_| ())
}

/// Restores what was there before `install`, and makes a signal that met nobody happen again if that may do
/// something.
pub(super) fn restore_and_repeat(signal: Signal) {
    // Acquire: pairs with Release in `install`.
    let before = BEFORE[signal.index()].load(Ordering::Acquire);
    // SAFETY: null or leaked.
    let Some(before) = (unsafe { before.as_ref() }) else { return };
    let restored = action(signal, Some(before));
    if restored.is_ok() && before.sa_sigaction == libc::SIG_DFL {
        let this = std::process::id() as libc::pid_t;
        // SAFETY: takes no pointers.
        unsafe { libc::kill(this, signal.as_raw()) };
    }
}

/// Reads a signal's action, or replaces it.
fn action(signal: Signal, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = MaybeUninit::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or complete, `old` has room.
    if unsafe { libc::sigaction(signal.as_raw(), new, old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: written, since the call succeeded.
    Ok(unsafe { old.assume_init() })
}

/// On the signal stack. Async-signal-safe as far as the older handler is; keeps errno.
extern "C" fn handler(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = sys::errno();
    // SAFETY: the calling thread's, always valid.
    let kept = unsafe { *errno };
    if let Some(signal) = Signal::from_raw(number) {
        // Acquire: pairs with Release in `install`.
        let before = BEFORE[signal.index()].load(Ordering::Acquire);
        // SAFETY: null or leaked.
        if let Some(before) = unsafe { before.as_ref() } {
            // SAFETY: the arguments are the kernel's, for this very signal.
            unsafe { call(before, number, info, context) };
        }
        // Release: pairs with Acquire in `take_pending`; what the older handler did is visible to the receivers.
        PENDING[signal.index()].fetch_add(1, Ordering::Release);
        // Acquire: pairs with Release in `set_bell`.
        let bell = BELL.load(Ordering::Acquire);
        // A full pipe has rung already.
        // SAFETY: one byte of a constant.
        unsafe { libc::write(bell, c"!".as_ptr().cast(), 1) };
    }
    // SAFETY: as above.
    unsafe { *errno = kept };
}

/// Calls a handler, if the action has one.
///
/// # Safety
///
/// In a handler of this signal, with the arguments that it was given.
unsafe fn call(
    action: &libc::sigaction,
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let function = action.sa_sigaction;
    if function == libc::SIG_DFL || function == libc::SIG_IGN {
        return;
    }
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        type Long = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: by its flag it is a function of this type.
        let function = unsafe { std::mem::transmute::<libc::sighandler_t, Long>(function) };
        // SAFETY: called as the kernel would.
        unsafe { function(number, info, context) };
    } else {
        type Short = unsafe extern "C" fn(libc::c_int);
        // SAFETY: without the flag it is a function of this type.
        let function = unsafe { std::mem::transmute::<libc::sighandler_t, Short>(function) };
        // SAFETY: called as the kernel would.
        unsafe { function(number) };
    }
}
