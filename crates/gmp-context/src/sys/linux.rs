//! Linux: mappings, guards, futex and the registers of a signal frame.
//!
//! Thin: each function is one system call with the flags and the reason for them. Callable anywhere in the crate, also in
//! a signal handler, but for `thread_stack` and `error_text`.

use core::ffi::CStr;
use core::ptr::{self, NonNull};

use crate::errno::Errno;
use crate::sync::plain::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// `MADV_GUARD_INSTALL`, Linux 6.13: marks pages to fault without splitting the mapping. Not in `libc` yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

fn last_error() -> Errno {
    // SAFETY: no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: the location of this thread's errno is always valid.
    Errno(unsafe { *location })
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Bytes of a page. One system call at the first use, a load after that.
pub(crate) fn page_size() -> usize {
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: the value is the same whoever stores it, and nothing else hangs on it.
    let known = PAGE.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    PAGE.store(size, Ordering::Relaxed);
    size
}

/// Maps `len` bytes, readable and writable, neither reserved against overcommit (mode 0 and 1) nor backed by huge pages:
/// a huge page would make the first touch of one stack commit its neighbours.
pub(crate) fn map(len: usize) -> Result<NonNull<u8>, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let address = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(last_error());
    }
    // An error only says that this kernel has no huge pages.
    // SAFETY: our mapping of one line above; advice changes no content.
    unsafe { libc::madvise(address, len, libc::MADV_NOHUGEPAGE) };
    NonNull::new(address.cast()).ok_or(Errno(libc::ENOMEM))
}

/// Unmaps what `map` returned.
///
/// # Safety
/// Nothing refers to the range any more.
pub(crate) unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: unused — the caller's promise.
    let result = unsafe { libc::munmap(start.as_ptr().cast(), len) };
    debug_assert_eq!(result, 0, "gmp: munmap of a slab failed");
}

/// Makes a range fault by marking its page table entries; the mapping stays one. `EINVAL` where the kernel cannot.
///
/// # Safety
/// The range belongs to the caller, who loses its contents.
pub(crate) unsafe fn guard_light(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
    // SAFETY: ours to lose — the caller's promise.
    check(unsafe { libc::madvise(start.as_ptr().cast(), len, MADV_GUARD_INSTALL) })
}

/// `guard_light` for `count` ranges of `len` bytes that begin `stride` bytes apart. One system call for 64 of them, which
/// takes 0.58 µs each instead of 0.68 µs; more at a time are no faster.
///
/// # Safety
/// The ranges belong to the caller, who loses their contents.
pub(crate) unsafe fn guard_light_each(
    first: NonNull<u8>,
    len: usize,
    stride: usize,
    count: usize,
) -> Result<(), Errno> {
    /// Set when the kernel, a filter of system calls or an emulator refuses; not asked again.
    static REFUSED: AtomicBool = AtomicBool::new(false);
    let start = |index: usize| first.as_ptr().wrapping_add(index * stride);
    let mut done = 0;
    // Relaxed, both: a hint that saves a call.
    while done < count && !REFUSED.load(Ordering::Relaxed) {
        let guarded = guard_some(start(done), len, stride, count - done);
        if guarded == 0 {
            REFUSED.store(true, Ordering::Relaxed);
        }
        done += guarded;
    }
    // What is left is done one by one, or the single call says what is wrong.
    (done..count).try_for_each(|index| {
        let range = NonNull::new(start(index)).ok_or(Errno(libc::EFAULT))?;
        // SAFETY: one of the ranges.
        unsafe { guard_light(range, len) }
    })
}

/// The first of those ranges, in one call; how many it managed.
fn guard_some(first: *mut u8, len: usize, stride: usize, count: usize) -> usize {
    /// A KiB on the stack of the caller, which may be a small one.
    const BATCH: usize = 64;
    /// `PIDFD_SELF_THREAD`, Linux 6.14: a descriptor that need not be opened.
    const THIS_PROCESS: libc::c_int = -10_000;
    let batch = BATCH.min(count);
    let mut ranges = [libc::iovec { iov_base: ptr::null_mut(), iov_len: len }; BATCH];
    for (index, range) in ranges[..batch].iter_mut().enumerate() {
        range.iov_base = first.wrapping_add(index * stride).cast();
    }
    let (call, ranges) = (libc::SYS_process_madvise, ranges.as_ptr());
    // SAFETY: the ranges are the caller's to lose, and `ranges` holds `batch` of them.
    let bytes = unsafe { libc::syscall(call, THIS_PROCESS, ranges, batch, MADV_GUARD_INSTALL, 0) };
    usize::try_from(bytes).map_or(0, |bytes| bytes / len)
}

/// Whether `guard_light` works here: tried on a page of its own, and not taken on trust. An emulator that accepts advice it
/// does not know would leave every stack without a guard, so the kernel is asked to write there and must refuse.
pub(crate) fn has_light_guards() -> bool {
    let Ok(page) = map(page_size()) else { return false };
    // SAFETY: ours, and empty.
    let accepted = unsafe { guard_light(page, page_size()) }.is_ok();
    // SAFETY: one byte of our own page, which the kernel either fills or cannot reach.
    let written = unsafe { libc::getrandom(page.as_ptr().cast(), 1, libc::GRND_NONBLOCK) };
    let works = accepted && written == -1 && last_error() == Errno(libc::EFAULT);
    // SAFETY: nobody else has seen the page.
    unsafe { unmap(page, page_size()) };
    works
}

/// Makes a range fault by protection, which splits the mapping in three. `ENOMEM` beyond `vm.max_map_count`.
///
/// # Safety
/// The range belongs to the caller, who loses access to it.
pub(crate) unsafe fn guard_protect(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
    // SAFETY: ours to lose — the caller's promise.
    check(unsafe { libc::mprotect(start.as_ptr().cast(), len, libc::PROT_NONE) })
}

/// Gives the pages of a range back to the kernel; they read as zero afterwards. Light guards inside stay.
///
/// # Safety
/// The range belongs to the caller, who loses its contents.
pub(crate) unsafe fn discard(start: NonNull<u8>, len: usize) {
    // SAFETY: ours to lose — the caller's promise.
    unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_DONTNEED) };
}

/// How many bytes at the end of a range lie above its lowest resident page, that page included.
pub(crate) fn resident_depth(start: NonNull<u8>, len: usize) -> usize {
    /// Pages per call, a byte each on the stack of the caller.
    const BATCH: usize = 128;
    let page = page_size();
    let mut done = 0;
    while done < len {
        let part = (BATCH * page).min(len - done);
        let mut resident = [0_u8; BATCH];
        let from = start.as_ptr().wrapping_add(done).cast();
        // SAFETY: only asks; `resident` has a byte for each page of `part`.
        if unsafe { libc::mincore(from, part, resident.as_mut_ptr()) } != 0 {
            return 0;
        }
        if let Some(index) = resident[..part / page].iter().position(|byte| byte & 1 != 0) {
            return len - done - index * page;
        }
        done += part;
    }
    0
}

#[cfg(feature = "std")]
/// Lowest byte and end of the stack that the system gave to the calling thread. Allocates; reads `/proc` on the main thread.
pub(crate) fn thread_stack() -> Option<(NonNull<u8>, NonNull<u8>)> {
    let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: no preconditions.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: asks for the calling thread, which exists; initialises the attributes when it succeeds.
    if unsafe { libc::pthread_getattr_np(this, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut start, mut len) = (ptr::null_mut(), 0);
    // SAFETY: initialised above.
    let known = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut len) };
    // SAFETY: initialised above and not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    let start = NonNull::new(start.cast::<u8>()).filter(|_| known == 0)?;
    // SAFETY: both ends of one stack.
    Some((start, unsafe { start.add(len) }))
}

/// The number in a file of procfs. Async-signal-safe.
pub(crate) fn read_number(path: &CStr) -> Option<usize> {
    let mut text = [0_u8; 24];
    // SAFETY: a string with its end.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    // SAFETY: the buffer is as long as it says.
    let len = unsafe { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
    // SAFETY: opened above, and nobody else has seen it.
    unsafe { libc::close(file) };
    let text = text.get(..usize::try_from(len).ok()?)?;
    core::str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}

/// The system's words for an error. May take a lock and allocate in the C library.
pub(crate) fn error_text(error: Errno, buffer: &mut [u8; 128]) -> &str {
    let start = buffer.as_mut_ptr().cast();
    // SAFETY: the buffer is as long as it says, and ends in a zero whatever happens.
    let result = unsafe { libc::strerror_r(error.0, start, buffer.len() - 1) };
    if result != 0 {
        return "unknown error";
    }
    let text = CStr::from_bytes_until_nul(buffer).unwrap_or_default();
    text.to_str().unwrap_or("unknown error")
}

/// Sleeps while `word` is `expected`; may return early for no reason.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let none = ptr::null::<libc::timespec>();
    // SAFETY: the word outlives the call, and no timeout is given.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, expected, none) };
}

/// Wakes one sleeper on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the address only names a queue; nothing is read or written.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, 1) };
}

/// Writes to standard error, all of it, errors ignored: there is nobody left to tell.
pub(crate) fn write_stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the slice is valid for its length.
        let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        if written <= 0 {
            return;
        }
        bytes = &bytes[written as usize..];
    }
}

/// Ends the process with SIGABRT.
pub(crate) fn abort() -> ! {
    // SAFETY: no preconditions; never returns.
    unsafe { libc::abort() }
}

/// Bytes that the kernel may need to write a signal frame, all vector state included.
pub(crate) fn signal_frame_size() -> usize {
    // SAFETY: no preconditions; 0 where the kernel does not tell.
    let told = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    told.max(libc::MINSIGSTKSZ)
}

/// What is known of the fault that a handler was called for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The address accessed.
    pub(crate) address: usize,
    /// Stack pointer of the interrupted code.
    pub(crate) sp: usize,
    /// The kernel gives no address: a signal frame did not fit on the stack, or a general protection fault.
    pub(crate) no_address: bool,
    /// An instruction caused it and will cause it again; otherwise somebody sent the signal.
    pub(crate) synchronous: bool,
}

/// Reads a fault out of a handler's arguments.
///
/// # Safety
/// Both pointers are those that the kernel gave to the handler that is running.
pub(crate) unsafe fn fault_of(info: *const libc::siginfo_t, context: *const libc::c_void) -> Fault {
    /// `si_code` when the kernel itself raised the signal.
    const SI_KERNEL: libc::c_int = 0x80;
    /// `si_code` of a memory error that nobody has run into yet.
    const BUS_MCEERR_AO: libc::c_int = 5;
    // SAFETY: the kernel's — the caller's promise.
    let info = unsafe { &*info };
    // SAFETY: any `siginfo_t` has room for the field; it means something only for faults, see below.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: the kernel's — the caller's promise.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    Fault {
        address,
        sp: interrupted_sp(machine),
        no_address: info.si_code == SI_KERNEL,
        synchronous: info.si_code > 0
            && !(info.si_signo == libc::SIGBUS && info.si_code == BUS_MCEERR_AO),
    }
}

#[cfg(target_arch = "x86_64")]
fn interrupted_sp(machine: &libc::mcontext_t) -> usize {
    machine.gregs[libc::REG_RSP as usize] as usize
}

#[cfg(target_arch = "aarch64")]
fn interrupted_sp(machine: &libc::mcontext_t) -> usize {
    machine.sp as usize
}

/// The errno of this thread.
pub(crate) fn errno() -> Errno {
    last_error()
}

/// Sets the errno of this thread.
pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: the location of this thread's errno is always valid.
    unsafe { *location = errno.0 };
}
