//! Linux: futex, `rt_tgsigqueueinfo`, per-thread CPU clocks and timers on them, `/proc`, `membarrier`.
//!
//! All by raw system call where libc's wrapper might allocate, lock or be a cancellation point.

use std::{ffi::CStr, io, mem::MaybeUninit, ptr, time::Duration};

use super::Origin;
use crate::probe::Rest;
use crate::sync::plain::AtomicU32;

/// The kernel's id of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThreadId(libc::pid_t);

impl ThreadId {
    pub(crate) fn current() -> ThreadId {
        // SAFETY: no obligation.
        let id = unsafe { libc::syscall(libc::SYS_gettid) };
        ThreadId(id as libc::pid_t)
    }
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|duration| libc::timespec {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` and `timeout` are valid for the call; every outcome (woken, changed, interrupted,
    // timed out) leads back to the caller, who looks at the word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, expected, timeout) };
}

pub(crate) fn futex_wake(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the address as a key and does not read it.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, i32::MAX) };
}

/// `siginfo_t` of a queued signal, as the kernel lays it out.
///
/// ```text
///   0      4      8      12        16    20    24        32       128
///   +------+------+------+---------+-----+-----+---------+---------+
///   | signo| errno| code | padding | pid | uid |  value  |    0    |
///   +------+------+------+---------+-----+-----+---------+---------+
/// ```
#[repr(C)]
struct Queued {
    signo: i32,
    errno: i32,
    code: i32,
    _padding: i32,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: *const (),
    _rest: [u64; 12],
}

const _: () = assert!(size_of::<Queued>() == size_of::<libc::siginfo_t>());

pub(crate) fn send_signal(
    thread: ThreadId,
    signal: libc::c_int,
    cookie: *const (),
) -> io::Result<()> {
    // Not remembered from `attach`: after a fork the child's own id keeps it from signalling its parent.
    // SAFETY: no obligation.
    let process = unsafe { libc::getpid() };
    // SAFETY: no obligation.
    let uid = unsafe { libc::getuid() };
    let info = Queued {
        signo: signal,
        errno: 0,
        code: libc::SI_QUEUE,
        _padding: 0,
        pid: process,
        uid,
        value: cookie,
        _rest: [0; 12],
    };
    // SAFETY: `info` is a whole siginfo for the length of the call.
    let queued = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread.0, signal, &raw const info)
    };
    if queued == 0 {
        return Ok(());
    }
    // A filter or an emulator may know only the older call.
    if !matches!(errno(), libc::ENOSYS | libc::EPERM) {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: no obligation; the kernel checks that the thread is of this process.
    if unsafe { libc::syscall(libc::SYS_tgkill, process, thread.0, signal) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// `sigevent`, as the kernel lays it out.
#[repr(C)]
struct Event {
    value: *const (),
    signo: i32,
    notify: i32,
    thread: libc::pid_t,
    _rest: [i32; 11],
}

const _: () = assert!(size_of::<Event>() == 64);

/// For `notify`: a signal to one thread.
const SIGEV_THREAD_ID: i32 = 4;

pub(crate) fn timer_create(
    thread: ThreadId,
    signal: libc::c_int,
    cookie: *const (),
) -> io::Result<u32> {
    let event = Event {
        value: cookie,
        signo: signal,
        notify: SIGEV_THREAD_ID,
        thread: thread.0,
        _rest: [0; 11],
    };
    let mut id: libc::c_int = 0;
    let clock = cpu_clock(thread);
    // SAFETY: `event` is a whole one, and `id` is room for the answer.
    let made =
        unsafe { libc::syscall(libc::SYS_timer_create, clock, &raw const event, &raw mut id) };
    if made != 0 {
        return Err(io::Error::last_os_error());
    }
    u32::try_from(id).map_err(io::Error::other)
}

pub(crate) fn timer_set(id: u32) -> io::Result<()> {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let once =
        libc::itimerspec { it_interval: zero, it_value: libc::timespec { tv_sec: 0, tv_nsec: 1 } };
    let old = ptr::null_mut::<libc::itimerspec>();
    // SAFETY: a valid time; the old one is not asked for. A number that is no timer's is an error.
    if unsafe { libc::syscall(libc::SYS_timer_settime, id, 0, &raw const once, old) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

pub(crate) fn timer_delete(id: u32) {
    // SAFETY: no obligation: a number that is no timer's is an error, which leaves nothing to do.
    unsafe { libc::syscall(libc::SYS_timer_delete, id) };
}

/// # Safety
/// `info` is what the kernel gave to a handler.
pub(crate) unsafe fn origin(info: *const libc::siginfo_t) -> Origin {
    // SAFETY: the kernel's layout, see `Queued`; it wrote or cleared all of it.
    let Queued { code, pid, value, .. } = unsafe { info.cast::<Queued>().read() };
    // SAFETY: no obligation.
    let own = unsafe { libc::getpid() };
    match code {
        libc::SI_QUEUE if pid == own => Origin::Cookie(value),
        // Timers are their process's own; in the place of the sender is the timer's number.
        libc::SI_TIMER => Origin::Cookie(value),
        // 0: out of room for queued signals, the kernel sends SI_USER from nobody.
        libc::SI_USER | libc::SI_TKILL if pid == own || pid == 0 => Origin::ThisProcess,
        _ => Origin::Elsewhere,
    }
}

/// The kernel's encoding of "CPU clock (2) of one thread (4) with this id".
fn cpu_clock(thread: ThreadId) -> libc::clockid_t {
    (!thread.0 << 3) | 4 | 2
}

pub(crate) fn cpu_time(thread: ThreadId) -> io::Result<Duration> {
    let clock = cpu_clock(thread);
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: room for the answer.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: initialised — the call succeeded.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
}

/// The letter behind the name in `/proc/self/task/<id>/stat`: `R` runs or is ready, all others are not.
pub(crate) fn is_asleep(thread: ThreadId) -> io::Result<bool> {
    // "<id> (<name of at most 15 bytes>) <state> ...", and longer, which is cut off.
    let mut text = [0_u8; 64];
    let text = read(thread, "stat", &mut text)?;
    state(text).map(|state| state != b'R').ok_or(io::ErrorKind::InvalidData.into())
}

/// From `/proc/self/task/<id>/status`: its state, and how often it has left its CPU by itself. A text of 1.5 KiB, by lines.
pub(crate) fn rest(thread: ThreadId) -> io::Result<Rest> {
    let mut text = [0_u8; 4096];
    let text = read(thread, "status", &mut text)?;
    let after = |name: &[u8]| {
        let line = text.split(|&byte| byte == b'\n').find(|line| line.starts_with(name))?;
        Some(line[name.len()..].trim_ascii())
    };
    let state = after(b"State:").ok_or(io::ErrorKind::InvalidData)?;
    let number =
        after(b"voluntary_ctxt_switches:").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
    Ok(Rest { asleep: !state.starts_with(b"R"), sleeps: number })
}

/// From `/proc/self/task/<id>/syscall`: `<number> <six arguments> <sp> <pc>` while it sleeps in a call, -1 without
/// arguments while it waits for a page, "running" else.
pub(crate) fn restarts(thread: ThreadId) -> io::Result<Option<bool>> {
    let mut text = [0_u8; 64];
    // A call that cannot be interrupted has the state D.
    if state(read(thread, "stat", &mut text)?) == Some(b'D') {
        return Ok(Some(true));
    }
    let mut text = [0_u8; 256];
    let text =
        std::str::from_utf8(read(thread, "syscall", &mut text)?).map_err(io::Error::other)?;
    let mut words = text.split_ascii_whitespace();
    let Some(call) = words.next().and_then(|number| number.parse().ok()) else { return Ok(None) };
    let mut argument = |number| {
        let word = words.nth(number).and_then(|word| word.strip_prefix("0x"));
        word.and_then(|digits| u64::from_str_radix(digits, 16).ok())
    };
    Ok(Some(match call {
        -1 => true,
        // Without a timeout.
        libc::SYS_futex => argument(3) == Some(0),
        libc::SYS_read | libc::SYS_readv => is_pipe(argument(0)),
        // More than that may have been written in part; then it ends with a short count.
        libc::SYS_write => {
            is_pipe(argument(0)) && argument(1).is_some_and(|size| size <= libc::PIPE_BUF as u64)
        }
        _ => false,
    }))
}

/// Whether this file is a pipe. Asks the kernel only, not the file system: its server may be who sleeps.
fn is_pipe(file: Option<u64>) -> bool {
    let Some(file) = file.and_then(|file| libc::c_int::try_from(file).ok()) else { return false };
    let mut about = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let (path, what) = (c"".as_ptr(), libc::STATX_TYPE);
    // SAFETY: an empty path, and room for the answer; whatever the number is.
    let answer =
        unsafe { libc::syscall(libc::SYS_statx, file, path, flags, what, about.as_mut_ptr()) };
    // SAFETY: integers, zeroed.
    let mode = unsafe { about.assume_init() }.stx_mode;
    answer == 0 && libc::mode_t::from(mode) & libc::S_IFMT == libc::S_IFIFO
}

/// The beginning of one of the files that tell about a thread.
fn read<'a>(thread: ThreadId, file: &str, text: &'a mut [u8]) -> io::Result<&'a [u8]> {
    use std::io::Write;

    let mut path = [0; 48];
    write!(&mut path[..47], "/proc/self/task/{}/{file}", thread.0)?;
    let path = CStr::from_bytes_until_nul(&path).map_err(io::Error::other)?;
    // SAFETY: a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the length of the buffer; `file` is ours.
    let length = unsafe { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
    let read = usize::try_from(length).map_err(|_| io::Error::last_os_error());
    // SAFETY: ours, and not used again.
    unsafe { libc::close(file) };
    Ok(&text[..read?])
}

/// A name may contain anything, parentheses too; the last one ends it.
fn state(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end + 2).copied()
}

const MEMBARRIER_PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

pub(crate) fn membarrier_register() -> bool {
    let command = MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;
    // SAFETY: no obligation.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Cannot fail once registered.
pub(crate) fn membarrier() {
    // SAFETY: no obligation.
    let done = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0) };
    debug_assert_eq!(done, 0, "gmp: membarrier failed after it was registered");
}

pub(crate) fn errno() -> libc::c_int {
    // SAFETY: the calling thread's own errno.
    unsafe { *errno_location() }
}

pub(crate) fn set_errno(value: libc::c_int) {
    // SAFETY: the calling thread's own errno.
    unsafe { *errno_location() = value };
}

fn errno_location() -> *mut libc::c_int {
    // SAFETY: no obligation.
    unsafe { libc::__errno_location() }
}

/// Calls `each` with the file name and the executable segments of every loaded object.
pub(crate) fn for_each_code(each: &mut dyn FnMut(&CStr, usize, usize)) {
    type Each<'a> = &'a mut dyn FnMut(&CStr, usize, usize);
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        each: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: what `dl_iterate_phdr` passes.
        let info = unsafe { &*info };
        // SAFETY: the pointer that was given to `dl_iterate_phdr` below.
        let each = unsafe { &mut *each.cast::<Each<'_>>() };
        // SAFETY: a C string that lives as long as the object is loaded.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        // SAFETY: the object's program headers, as many as it says.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let code =
            headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_X != 0);
        for header in code {
            let start = info.dlpi_addr as usize + header.p_vaddr as usize;
            each(name, start, start + header.p_memsz as usize);
        }
        0
    }
    let mut each: Each<'_> = each;
    // SAFETY: `visit` takes the pointer for what it is; nothing is kept.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut each).cast()) };
}

/// Where the thread was running when the handler interrupted it; `None` when it was asleep in a system call.
///
/// The kernel has two ways to end such a call for a signal: it makes the thread repeat the instruction, or
/// return `EINTR`. Both show in the registers.
///
/// # Safety
/// `context` is what the kernel gave to a handler.
pub(crate) unsafe fn running_at(context: *const libc::c_void) -> Option<usize> {
    // SAFETY: the kernel's layout of the third argument.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let (at, result) = arch::place(registers);
    let before = at - arch::CALL.len();
    // SAFETY: the thread has just run there, or is about to: its code is mapped.
    let here = unsafe {
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(at), arch::CALL.len())
    };
    // SAFETY: on the same page, so mapped like `at`.
    let behind = (before / 4096 == at / 4096).then(|| unsafe {
        std::slice::from_raw_parts(
            std::ptr::with_exposed_provenance::<u8>(before),
            arch::CALL.len(),
        )
    });
    let asleep =
        here == arch::CALL || (behind == Some(&arch::CALL) && result == -i64::from(libc::EINTR));
    (!asleep).then_some(at)
}

/// What an unwinder needs of the code that the handler has interrupted.
///
/// # Safety
/// `context` is what the kernel gave to a handler.
pub(crate) unsafe fn registers(context: *const libc::c_void) -> Option<crate::Registers> {
    // SAFETY: the kernel's layout of the third argument.
    Some(arch::registers(unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext }))
}

/// The system call instruction, and the registers that matter.
#[cfg(target_arch = "x86_64")]
mod arch {
    pub(super) const CALL: [u8; 2] = [0x0f, 0x05];

    pub(super) fn place(registers: &libc::mcontext_t) -> (usize, i64) {
        let register = |which: libc::c_int| registers.gregs[which as usize];
        (register(libc::REG_RIP) as usize, register(libc::REG_RAX))
    }

    pub(super) fn registers(registers: &libc::mcontext_t) -> crate::Registers {
        let register = |which: libc::c_int| registers.gregs[which as usize] as usize;
        crate::Registers {
            pc: register(libc::REG_RIP),
            sp: register(libc::REG_RSP),
            fp: register(libc::REG_RBP),
            lr: 0,
        }
    }
}

/// The system call instruction, and the registers that matter.
#[cfg(target_arch = "aarch64")]
mod arch {
    pub(super) const CALL: [u8; 4] = 0xd400_0001_u32.to_le_bytes();

    pub(super) fn place(registers: &libc::mcontext_t) -> (usize, i64) {
        (registers.pc as usize, registers.regs[0] as i64)
    }

    pub(super) fn registers(registers: &libc::mcontext_t) -> crate::Registers {
        let register = |which: usize| registers.regs[which] as usize;
        crate::Registers {
            pc: registers.pc as usize,
            sp: registers.sp as usize,
            fp: register(29),
            lr: register(30),
        }
    }
}
