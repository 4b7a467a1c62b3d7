//! Guard: what happens when a stack overflows. The fault is recognised, named, and ends the process.
//!
//! Without this an overflow is a bare "Segmentation fault": the standard library knows only the stacks of its own
//! threads. [`install`] puts one handler for SIGSEGV and SIGBUS into the process; a fault in the guard of one of our
//! stacks is reported with raw `write`s, then the process aborts, as it does when a thread's stack overflows. Every other
//! fault goes to the handler that was there before, so crash reporters and the standard library's own message still work.
//!
//! The handler needs a stack, and the one that overflowed has none left: each thread that runs contexts holds a
//! [`SignalStack`]. (Threads of the standard library have an alternate stack of about one signal frame; enough for this
//! handler, but not for one that interrupts another.)
//!
//! # How a fault is recognised
//! - The address lies in a guard: code touched it.
//! - There is no address (`SI_KERNEL`) and the interrupted stack pointer is so low that a signal frame would reach into
//!   the guard: the kernel wanted to deliver some signal there and could not write the frame.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use crate::errno::Errno;
use crate::fatal::{Decimal, Hex};
use crate::lock::Lock;
use crate::slab::{self, Place};
use crate::sync::plain::{AtomicPtr, AtomicUsize, Ordering};
use crate::sys::{self, Fault};

pub use crate::signal_stack::SignalStack;

/// Says who was running on the stack in whose guard the address lies, in pieces, without a line break. Called in the
/// signal handler: must be async-signal-safe (no allocation, no lock, no panic).
pub type Describe = fn(fault: usize, out: &mut dyn FnMut(&[u8]));

const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// The handlers before ours, in the order of `SIGNALS`.
struct Previous([UnsafeCell<MaybeUninit<libc::sigaction>>; 2]);

// SAFETY: each is written only under `INSTALLED`, and only while the handler that reads it is not installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous([const { UnsafeCell::new(MaybeUninit::uninit()) }; 2]);
/// For how many of `SIGNALS` the handler is installed.
static INSTALLED: Lock<usize> = Lock::new(0);
static DESCRIBE: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
/// What `set_advice` was given last.
static ADVICE: AtomicPtr<&'static str> = AtomicPtr::new(core::ptr::null_mut());
static FRAME: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler for SIGSEGV and SIGBUS; once per process, later calls do nothing. Blocks only while another
/// thread does the same.
///
/// # Errors
/// What `sigaction` says; a later call goes on with the signal that failed.
#[cfg(feature = "std")]
pub fn install() -> std::io::Result<()> {
    Ok(try_install()?)
}

/// As [`install`].
///
/// # Errors
/// As `install`.
pub fn try_install() -> Result<(), Errno> {
    let mut installed = INSTALLED.lock();
    if *installed == 0 {
        // Relaxed: no handler of ours is there to read it; the system call that installs one comes after.
        FRAME.store(sys::signal_frame_size(), Ordering::Relaxed);
    }
    for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS.0).skip(*installed) {
        // Look first, replace second: a fault between the two still finds the old handler, and ours never runs before
        // it knows its predecessor.
        // SAFETY: only asks; the slot is ours under the lock, as no handler of ours reads it yet.
        check(unsafe { libc::sigaction(signal, core::ptr::null(), previous.get().cast()) })?;
        // SAFETY: all-zero bytes are a valid `sigaction`.
        let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        ours.sa_sigaction = on_fault as *const () as usize;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: `on_fault` is async-signal-safe and has the signature that SA_SIGINFO asks for.
        check(unsafe { libc::sigaction(signal, &ours, core::ptr::null_mut()) })?;
        *installed += 1;
    }
    Ok(())
}

/// Sets the callback that names who overflowed. Neither blocks nor fails; the last one set counts.
pub fn set_describe(describe: Describe) {
    // Release: pairs with Acquire in `report`; whatever the caller prepared for it is visible to the handler.
    DESCRIBE.store(describe as *mut (), Ordering::Release);
}

/// Sets the line that says how to raise the limit, without a line break. Neither blocks nor fails; the last one set counts.
pub fn set_advice(advice: &'static &'static str) {
    // Release: pairs with Acquire in `report`; a static needs no more than its address.
    ADVICE.store(core::ptr::from_ref(advice).cast_mut(), Ordering::Release);
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(sys::errno()) }
}

/// On the signal stack. Async-signal-safe.
unsafe extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let errno = sys::errno();
    // SAFETY: the kernel's arguments of this very handler.
    let fault = unsafe { sys::fault_of(info, context) };
    if let Some(stack) = overflowed(&fault) {
        report(&fault, stack);
    }
    // SAFETY: as above.
    unsafe { pass_on(signal, info, context, fault.synchronous) };
    sys::set_errno(errno);
}

/// The stack that this fault says is used up, if it is one of ours.
fn overflowed(fault: &Fault) -> Option<Place> {
    /// Bytes below SP that x86_64 leaves to the interrupted function.
    const RED_ZONE: usize = 128;
    if !fault.synchronous {
        return None;
    }
    if fault.no_address {
        // Relaxed: stored before a handler was installed, and not after.
        let needs = FRAME.load(Ordering::Relaxed) + RED_ZONE;
        return slab::find(fault.sp).filter(|stack| fault.sp < stack.limit + needs);
    }
    slab::find(fault.address).filter(|stack| fault.address < stack.limit)
}

const ADVICE_UNLESS_SET: &str = "give it a larger stack size, or recurse through `maybe_grow`; only pages that are touched take memory";

#[cold]
fn report(fault: &Fault, stack: Place) -> ! {
    let address = if fault.no_address { fault.sp } else { fault.address };
    let mut out = |text: &[u8]| sys::write_stderr(text);
    out(b"\ngmp: stack overflow in ");
    // Acquire: pairs with Release in `set_describe`.
    let describe = DESCRIBE.load(Ordering::Acquire);
    if describe.is_null() {
        out(b"a coroutine");
    } else {
        // SAFETY: only `set_describe` stores there, and a function pointer of this type.
        let describe = unsafe { core::mem::transmute::<*mut (), Describe>(describe) };
        describe(address, &mut out);
    }
    out(b"\ngmp: its stack of ");
    out(Decimal::new((stack.top - stack.limit) >> 10).as_bytes());
    out(b" KiB, ");
    out(Hex::new(stack.limit).as_bytes());
    out(b"..");
    out(Hex::new(stack.top).as_bytes());
    out(b", is used up (fault at ");
    out(Hex::new(address).as_bytes());
    out(b")\ngmp: ");
    // Acquire: pairs with Release in `set_advice`.
    let advice = ADVICE.load(Ordering::Acquire);
    // SAFETY: null or the address of a static.
    let advice = unsafe { advice.as_ref() };
    out(advice.copied().unwrap_or(ADVICE_UNLESS_SET).as_bytes());
    out(b"\n");
    sys::abort()
}

/// Does with a foreign fault what would have been done without us.
///
/// # Safety
/// The arguments are those of the running handler.
unsafe fn pass_on(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    synchronous: bool,
) {
    let place = &PREVIOUS.0[usize::from(signal != SIGNALS[0])];
    // SAFETY: filled before this handler was installed, and not written since.
    let previous = unsafe { place.get().cast::<libc::sigaction>().read() };
    match previous.sa_sigaction {
        libc::SIG_IGN if !synchronous => {}
        // The kernel does not ignore faults, whatever it was told: it kills.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: all-zero bytes are a valid `sigaction`: the default one.
            let default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            // SAFETY: installs no handler. On return the instruction faults again, and the default action follows.
            unsafe { libc::sigaction(signal, &default, core::ptr::null_mut()) };
            if !synchronous {
                // Nothing will fault again: send it anew. It is blocked until we return.
                // SAFETY: no preconditions.
                unsafe { libc::raise(signal) };
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: SA_SIGINFO says that the address is a function of this type.
            let handler = unsafe { core::mem::transmute::<usize, Handler>(handler) };
            // SAFETY: called as the kernel would have, with its arguments.
            unsafe { handler(signal, info, context) };
        }
        handler => {
            type Handler = unsafe extern "C" fn(libc::c_int);
            // SAFETY: without SA_SIGINFO the address is a function of this type.
            let handler = unsafe { core::mem::transmute::<usize, Handler>(handler) };
            // SAFETY: called as the kernel would have.
            unsafe { handler(signal) };
        }
    }
}
