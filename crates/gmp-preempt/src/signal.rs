//! Which signal, who else gets it, and what the handler may do.
//!
//! **Why SIGURG.** The signal must be one that (1) does nothing when a program has no handler, so a late
//! one harms nobody; (2) debuggers and shells pass on without a word; (3) libc does not use for itself;
//! (4) may come without a reason, so a program that does handle it must look for itself already.
//! SIGURG (out-of-band data on a socket) is all of that; Go chose it by the same criteria. SIGUSR1/2 and
//! the real-time signals belong to the program (and kill it by default), SIGCHLD and SIGWINCH are in use,
//! SIGIO kills, SIGPROF belongs to profilers.
//!
//! **Flags.** `SA_ONSTACK`: the frame goes to the thread's signal stack, so a goroutine's small stack
//! needs no room for it, and a thread may stay in the handler as long as it likes: that stack is its own.
//! `SA_RESTART`: calls that the kernel can restart go on. `SA_SIGINFO`: to tell our signals from others.
//! The mask is empty: while a thread is stopped its other signals (a profiler's, a fault) still work.
//!
//! **Whose signal is it.** Ours carry a cookie, the address of a static of this copy of the crate; so two
//! copies in one process, and a Go library next door, do not take each other's. Where the system cannot
//! carry one, a signal that this process sent and that met a request counts as ours. Any other goes to
//! the handler that was there before, with that one's mask. The kernel keeps one pending signal of a
//! number per thread: when a foreign one absorbs ours the request is seen all the same, for the handler
//! looks at the word whatever brought it here; when ours absorbs a foreign one that was sent to this very
//! thread, that one is lost, as two foreign ones would have been merged.
//!
//! **The handler** runs on the signal stack of whatever thread it hit. It allocates nothing, takes no
//! lock, cannot panic and leaves `errno` as it was. An unwinding callback aborts (`extern "C"`).

use std::{io, mem::MaybeUninit, ptr};

use crate::{
    current, libraries,
    sync::plain::{AtomicPtr, AtomicU8, Mutex, Ordering},
    sys,
};

/// The signal.
pub(crate) const SIGNAL: libc::c_int = libc::SIGURG;

/// Its address is what our signals carry; its value means nothing. Not a constant: must have one address.
static COOKIE: AtomicU8 = AtomicU8::new(0);

/// The action that was there before ours: null until known, then leaked.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// Whether [`install`] is done; the lock is never taken by a handler.
static INSTALLED: Mutex<bool> = Mutex::new(false);

/// Installs the handler, the first time it is called. Allocates once.
pub(crate) fn install() -> io::Result<()> {
    let mut installed = INSTALLED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if *installed {
        return Ok(());
    }
    libraries::look_up();
    // Known before ours can run, so that no foreign signal falls between the two calls.
    let known = Box::leak(Box::new(action(None)?));
    // Release: pairs with Acquire in `chain`; the action is complete.
    PREVIOUS.store(known, Ordering::Release);

    let mut ours = *known;
    ours.sa_sigaction = handler as extern "C" fn(_, _, _) as libc::sighandler_t;
    ours.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_SIGINFO;
    // SAFETY: a valid set — a field of our own.
    unsafe { libc::sigemptyset(&raw mut ours.sa_mask) };
    let replaced = action(Some(&ours))?;
    if replaced.sa_sigaction != known.sa_sigaction {
        // Somebody else installed one in between.
        // Release: pairs with Acquire in `chain`.
        PREVIOUS.store(Box::leak(Box::new(replaced)), Ordering::Release);
    }
    *installed = true;
    Ok(())
}

/// Whether the process's handler for the signal is this crate's at the moment.
///
/// A handler that somebody installs later and that does not chain takes the requests away: nothing breaks,
/// but threads are no longer stopped. Allocates nothing; neither blocks.
///
/// # Errors
/// What `sigaction` reports.
pub fn is_installed() -> io::Result<bool> {
    let ours = handler as extern "C" fn(_, _, _) as libc::sighandler_t;
    Ok(action(None)?.sa_sigaction == ours)
}

/// Sets the signal's action, or only asks for it; returns the one before.
fn action(new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = MaybeUninit::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or valid, `old` is room for one — both live here.
    if unsafe { libc::sigaction(SIGNAL, new, old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: initialised — the call succeeded.
    Ok(unsafe { old.assume_init() })
}

/// Sends the signal with our cookie to a thread of this process that has not ended.
pub(crate) fn send(thread: sys::ThreadId) -> io::Result<()> {
    sys::send_signal(thread, SIGNAL, (&raw const COOKIE).cast())
}

/// Makes a timer that sends the same to a thread of this process that has not ended; returns its number.
pub(crate) fn timer(thread: sys::ThreadId) -> io::Result<u32> {
    sys::timer_create(thread, SIGNAL, (&raw const COOKIE).cast())
}

/// Lets the calling thread take the signal; returns whether it was blocked.
pub(crate) fn unblock() -> io::Result<bool> {
    let before = mask(libc::SIG_UNBLOCK, &only_ours())?;
    // SAFETY: a valid set — `mask` filled it.
    Ok(unsafe { libc::sigismember(&before, SIGNAL) } == 1)
}

/// Blocks the signal on the calling thread again.
pub(crate) fn block() {
    // The call cannot fail with these arguments, and there is nothing to do if it did.
    let _: io::Result<libc::sigset_t> = mask(libc::SIG_BLOCK, &only_ours());
}

fn only_ours() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: room for a set; it is initialised by the call.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised by the line above.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: a valid set.
    unsafe { libc::sigaddset(&mut set, SIGNAL) };
    set
}

/// Changes the calling thread's mask; returns the one before. Async-signal-safe.
fn mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: `set` is valid, `before` is room for one.
    match unsafe { libc::pthread_sigmask(how, set, before.as_mut_ptr()) } {
        // SAFETY: initialised — the call succeeded.
        0 => Ok(unsafe { before.assume_init() }),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The handler. Signal stack of any thread of the process: see the head of the file.
///
/// ```text
///   SIGURG
///     |-- ours? ------ no --> the previous handler
///     |
///     |-- attached? -- no --> return                        (late: the thread has detached)
///     |-- critical? -- yes -> return                        (the section's end serves it)
///     |-- asked? ----- no --> return                        (served already)
///     v
///   STOPPED -> on_stop -- false --> RUNNING, return
///     |  true
///     v
///   sleep until resume -> return to the very instruction
/// ```
extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = sys::errno();
    current::with(|local| {
        // Without its cookie: the kernel had no room for it. A timer has its own, so it always brings one.
        let asked = local.target().is_some_and(|target| target.is_signalled());
        // SAFETY: `info` is what the kernel gave this handler.
        let ours = match unsafe { sys::origin(info) } {
            sys::Origin::Cookie(cookie) => ptr::eq(cookie, (&raw const COOKIE).cast()),
            sys::Origin::ThisProcess => asked,
            sys::Origin::Elsewhere => false,
        };
        if !ours {
            // SAFETY: these are the arguments of a handler for this signal.
            unsafe { chain(signal, info, context) };
        }
        if !local.section().is_entered() {
            // SAFETY: `context` is what the kernel gave this handler.
            let running_at = unsafe { sys::running_at(context) };
            local.serve_interrupted(context, running_at.is_some_and(libraries::contain));
        }
    });
    sys::set_errno(errno);
}

/// The registers from which an unwinder finds the frames of code that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// The instruction that was about to run.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer's register, whatever the code uses it for.
    pub fp: usize,
    /// The link register; 0 where return addresses are on the stack.
    pub lr: usize,
}

/// In an `OnStop`: where the calling thread was interrupted. `None` at the end of a critical section, where it was not
/// interrupted but stops of its own will, and on systems whose signal frames are not known here. Async-signal-safe.
pub fn interrupted() -> Option<Registers> {
    let context = current::with(current::Local::context);
    if context.is_null() {
        return None;
    }
    // SAFETY: not null only while the handler runs, which got it from the kernel.
    unsafe { sys::registers(context) }
}

/// Calls the handler that was there before ours, if it was one.
///
/// # Safety
/// `signal`, `info` and `context` are what the kernel gave to a handler on this thread.
unsafe fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // Acquire: pairs with Release in `install`.
    let previous = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: null, or leaked and never written again.
    let Some(previous) = (unsafe { previous.as_ref() }) else { return };
    if previous.sa_sigaction == libc::SIG_DFL || previous.sa_sigaction == libc::SIG_IGN {
        return; // the default action of this signal is to ignore it
    }
    let before = mask(libc::SIG_BLOCK, &previous.sa_mask);
    if previous.sa_flags & libc::SA_SIGINFO != 0 {
        type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: a function of this type — SA_SIGINFO says so, and it is neither of the two constants.
        let call: Action = unsafe { std::mem::transmute(previous.sa_sigaction) };
        call(signal, info, context);
    } else {
        // SAFETY: a function of this type — without SA_SIGINFO, and neither of the two constants.
        let call: extern "C" fn(libc::c_int) =
            unsafe { std::mem::transmute(previous.sa_sigaction) };
        call(signal);
    }
    if let Ok(before) = before {
        // Cannot fail: the set is one that the kernel has returned.
        let _: io::Result<libc::sigset_t> = mask(libc::SIG_SETMASK, &before);
    }
}
