//! FreeBSD: `_umtx_op`, `thr_kill2`, per-thread CPU clocks. Compiles; not measured.

use std::{io, mem::MaybeUninit, ptr, time::Duration};

use super::Origin;
use crate::probe::Rest;
use crate::sync::plain::AtomicU32;

/// `si_code` of a signal sent by `kill`, and by `thr_kill`, as the manual of `siginfo` lists them.
const SI_USER: libc::c_int = 0x10001;
const SI_LWP: libc::c_int = 0x10007;

/// The kernel's id of a thread, and its CPU clock, which only the thread itself can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThreadId {
    id: libc::c_long,
    clock: libc::clockid_t,
}

impl ThreadId {
    pub(crate) fn current() -> ThreadId {
        let mut id = 0;
        // SAFETY: room for an id; cannot fail.
        unsafe { libc::thr_self(&mut id) };
        let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread and room for a clock; on failure the variable keeps a valid one.
        unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) };
        ThreadId { id, clock }
    }
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|duration| libc::timespec {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    });
    let (size, timeout) = match &timeout {
        Some(timeout) => (size_of::<libc::timespec>(), ptr::from_ref(timeout)),
        None => (0, ptr::null()),
    };
    let op = libc::UMTX_OP_WAIT_UINT_PRIVATE;
    // SAFETY: `word` and `timeout` are valid for the call; the size travels in the fourth argument, as
    // the manual says. Every outcome leads back to the caller, who looks at the word.
    unsafe {
        libc::_umtx_op(
            word.as_ptr().cast(),
            op,
            expected.into(),
            ptr::without_provenance_mut(size),
            timeout.cast_mut().cast(),
        )
    };
}

pub(crate) fn futex_wake(word: &AtomicU32) {
    let (address, op) = (word.as_ptr().cast(), libc::UMTX_OP_WAKE_PRIVATE);
    // SAFETY: the kernel uses the address as a key and does not read it.
    unsafe { libc::_umtx_op(address, op, libc::c_int::MAX as _, ptr::null_mut(), ptr::null_mut()) };
}

/// The call carries no value.
pub(crate) fn send_signal(
    thread: ThreadId,
    signal: libc::c_int,
    _cookie: *const (),
) -> io::Result<()> {
    // SAFETY: no obligation.
    let process = unsafe { libc::getpid() };
    // SAFETY: no obligation; the kernel checks that the thread is of this process.
    if unsafe { libc::thr_kill2(process, thread.id, signal) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// # Safety
/// `info` is what the kernel gave to a handler.
pub(crate) unsafe fn origin(info: *const libc::siginfo_t) -> Origin {
    // SAFETY: the kernel wrote it.
    let libc::siginfo_t { si_code, si_pid, .. } = unsafe { *info };
    // SAFETY: no obligation.
    let own = unsafe { libc::getpid() };
    match si_code {
        SI_USER | SI_LWP if si_pid == own => Origin::ThisProcess,
        _ => Origin::Elsewhere,
    }
}

pub(crate) fn cpu_time(thread: ThreadId) -> io::Result<Duration> {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: room for the answer.
    if unsafe { libc::clock_gettime(thread.clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: initialised — the call succeeded.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
}

pub(crate) fn is_asleep(_thread: ThreadId) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn rest(_thread: ThreadId) -> io::Result<Rest> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Newer kernels have one; full fences are right everywhere.
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
