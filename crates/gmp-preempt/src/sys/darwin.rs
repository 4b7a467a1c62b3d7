//! macOS: `__ulock`, `pthread_kill`, Mach thread info. Compiles; not measured.
//!
//! `__ulock_wait` and `__ulock_wake` are what the system's own libraries wait with; there is no documented
//! call before macOS 14.4 that waits for a word and may be used in a signal handler.

use std::{ffi::c_void, io, mem::MaybeUninit, time::Duration};

use super::Origin;
use crate::probe::Rest;
use crate::sync::plain::AtomicU32;

const UL_COMPARE_AND_WAIT: u32 = 1;
const ULF_WAKE_ALL: u32 = 0x100;
/// Errors are returned as negative numbers, and errno is left alone.
const ULF_NO_ERRNO: u32 = 0x0100_0000;

unsafe extern "C" {
    fn __ulock_wait(operation: u32, address: *mut c_void, value: u64, micros: u32) -> libc::c_int;
    fn __ulock_wake(operation: u32, address: *mut c_void, value: u64) -> libc::c_int;
}

/// A thread, for signals, and its Mach port, for clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThreadId {
    thread: libc::pthread_t,
    port: libc::mach_port_t,
}

impl ThreadId {
    pub(crate) fn current() -> ThreadId {
        // SAFETY: no obligation.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the calling thread.
        let port = unsafe { libc::pthread_mach_thread_np(thread) };
        ThreadId { thread, port }
    }
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    // Zero means for ever; a longer timeout than 71 minutes ends early, as any wait may.
    let micros = timeout
        .map_or(0, |duration| u32::try_from(duration.as_micros()).unwrap_or(u32::MAX).max(1));
    let operation = UL_COMPARE_AND_WAIT | ULF_NO_ERRNO;
    // SAFETY: `word` is valid for the call. Every outcome leads back to the caller, who looks at it.
    unsafe { __ulock_wait(operation, word.as_ptr().cast(), expected.into(), micros) };
}

pub(crate) fn futex_wake(word: &AtomicU32) {
    let operation = UL_COMPARE_AND_WAIT | ULF_WAKE_ALL | ULF_NO_ERRNO;
    // SAFETY: the kernel uses the address as a key and does not read it.
    unsafe { __ulock_wake(operation, word.as_ptr().cast(), 0) };
}

/// The call carries no value.
pub(crate) fn send_signal(
    thread: ThreadId,
    signal: libc::c_int,
    _cookie: *const (),
) -> io::Result<()> {
    // SAFETY: the thread has not ended — the caller's promise.
    match unsafe { libc::pthread_kill(thread.thread, signal) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// # Safety
/// `info` is what the kernel gave to a handler.
pub(crate) unsafe fn origin(info: *const libc::siginfo_t) -> Origin {
    // SAFETY: the kernel wrote it.
    let sender = unsafe { (*info).si_pid };
    // SAFETY: no obligation.
    let own = unsafe { libc::getpid() };
    // `pthread_kill` leaves the sender empty.
    if sender == own || sender == 0 { Origin::ThisProcess } else { Origin::Elsewhere }
}

fn basic_info(thread: ThreadId) -> io::Result<libc::thread_basic_info> {
    let mut info = MaybeUninit::<libc::thread_basic_info>::uninit();
    let mut count = libc::THREAD_BASIC_INFO_COUNT;
    let flavor = libc::THREAD_BASIC_INFO as libc::thread_flavor_t;
    // SAFETY: room for `count` words of this flavour.
    let result =
        unsafe { libc::thread_info(thread.port, flavor, info.as_mut_ptr().cast(), &mut count) };
    if result != libc::KERN_SUCCESS {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: filled — the call succeeded.
    Ok(unsafe { info.assume_init() })
}

pub(crate) fn cpu_time(thread: ThreadId) -> io::Result<Duration> {
    let info = basic_info(thread)?;
    let part = |time: libc::time_value_t| {
        Duration::new(time.seconds.unsigned_abs().into(), time.microseconds.unsigned_abs() * 1000)
    };
    Ok(part(info.user_time) + part(info.system_time))
}

pub(crate) fn is_asleep(thread: ThreadId) -> io::Result<bool> {
    Ok(basic_info(thread)?.run_state != libc::TH_STATE_RUNNING)
}

pub(crate) fn rest(thread: ThreadId) -> io::Result<Rest> {
    is_asleep(thread).map(|asleep| Rest { asleep, sleeps: None })
}

pub(crate) fn membarrier_register() -> bool {
    false
}

pub(crate) fn membarrier() {}

pub(crate) fn errno() -> libc::c_int {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__error() }
}

pub(crate) fn set_errno(value: libc::c_int) {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__error() = value };
}

/// Not looked up here: then no thread counts as interrupted inside the C library.
pub(crate) fn for_each_code(_each: &mut dyn FnMut(&std::ffi::CStr, usize, usize)) {}

/// Not known here.
///
/// # Safety
/// None needed; the others' signature.
pub(crate) unsafe fn running_at(_context: *const libc::c_void) -> Option<usize> {
    None
}

/// Not known here.
///
/// # Safety
/// None needed; the others' signature.
pub(crate) unsafe fn registers(_context: *const libc::c_void) -> Option<crate::Registers> {
    None
}
