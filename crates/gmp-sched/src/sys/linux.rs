//! Linux: futex, `sched_yield`, and `/proc/self` for what only the kernel knows.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::sync::plain::AtomicU32;

/// Sleeps while `*word == expected`, at most `timeout`. Async-signal-safe; errno is not kept.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let spec = timeout.map(|t| libc::timespec {
        tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: t.subsec_nanos().into(),
    });
    let spec_ptr = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: FUTEX_WAIT reads the word and the timespec, both alive for the call; any result is handled
    // by the caller's loop.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            spec_ptr,
        );
    }
}

/// Wakes one sleeper on `word`, whose memory may be gone. Async-signal-safe.
pub(crate) fn futex_wake(word: *const AtomicU32) {
    // SAFETY: FUTEX_WAKE never reads the word; the address is a key.
    unsafe {
        libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
    }
}

/// Lets the kernel run another thread on this CPU.
pub(crate) fn cpu_yield() {
    // SAFETY: no arguments, no failure.
    unsafe {
        libc::sched_yield();
    }
}

/// Sleeps for the shortest while that lets a descheduled lock holder run: 50 µs.
pub(crate) fn nap() {
    let spec = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
    // SAFETY: the timespec is valid; the remainder is not asked for.
    unsafe {
        libc::nanosleep(&raw const spec, std::ptr::null_mut());
    }
}

/// Where the kernel runs threads of the runtime, and how soon: they begin as the thread that started it.
#[derive(Clone, Copy)]
pub(crate) struct Placing {
    cpus: libc::cpu_set_t,
    /// It has the usual policy; else the program has chosen, and nobody meddles.
    usual: bool,
}

/// How a thread that is woken will use the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For microseconds.
    Short,
    /// For as long as it is let.
    Long,
}

/// The kernel's slice of threads that compute, in nanoseconds. One that wakes goes first only if its own slice (the
/// monitor's: 100 µs) ends before that of who runs, so in the last 100 µs of a slice it waits for the kernel's next tick,
/// for milliseconds. If the kernel's own are 2.8 ms, as on 2 CPUs, that is 1 in 28 wake-ups; with these 1 in 200.
/// The other processes of the CPU get their share, in larger pieces.
const LONG: u64 = 20_000_000;
/// The least that the kernel takes.
const SHORTEST: u64 = 100_000;
/// The kernel's own.
const DEFAULT: u64 = 0;

impl Placing {
    /// The calling thread's; `None` when the kernel has more CPUs than the set.
    pub(crate) fn current() -> Option<Placing> {
        let cpus = cpus_of(0)?;
        // SAFETY: no pointers; 0 is the calling thread.
        let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
        let usual = policy == libc::c_long::from(libc::SCHED_OTHER);
        Some(Placing { cpus, usual })
    }

    /// Runs `wake`, which wakes thread `tid` of this process, such that it wakes on the CPU of the caller, who is about
    /// to sleep, and waits until the caller does. Async-signal-safe.
    ///
    /// Left to itself the kernel often puts it behind another busy thread, where it waits for a whole kernel slice
    /// although this CPU is free in a moment. And when it wakes here it is likely to go before the caller, who then waits
    /// as a third thread of two CPUs for its last microsecond, in the way of the monitor: of those who may run the
    /// kernel looks only at the one whose slice ends first. `SCHED_BATCH` means not to go before others on waking.
    pub(crate) fn wake_here(&self, tid: i32, next: Use, wake: impl FnOnce()) {
        let cpu = current_cpu();
        // SAFETY: a set of integers; zeroes are the empty set.
        let mut here: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        if let Some(cpu) = cpu {
            // SAFETY: indexes within the set, or panics never: the kernel's CPU numbers fit a set that
            // `sched_getaffinity` accepted.
            unsafe { libc::CPU_SET(cpu, &mut here) };
        }
        let steered = cpu.is_some() && set_cpus(tid, &here);
        let slice = if next == Use::Long { LONG } else { DEFAULT };
        let humble = steered && self.usual && set_scheduling(tid, libc::SCHED_BATCH, slice);
        wake();
        if humble {
            set_scheduling(tid, libc::SCHED_OTHER, slice);
        }
        if steered {
            set_cpus(tid, &self.cpus);
        }
    }

    /// Moves thread `tid` of this process, which is ready and gets no CPU, to another CPU than the one it waits for.
    /// Allocates nothing.
    pub(crate) fn move_away(&self, tid: i32) {
        let Some(cpu) = last_cpu(tid) else { return };
        // SAFETY: two sets.
        if !cpus_of(tid).is_some_and(|now| unsafe { libc::CPU_EQUAL(&now, &self.cpus) }) {
            // Somebody has chosen others.
            return;
        }
        let mut others = self.cpus;
        // SAFETY: indexes within the set, as above.
        unsafe { libc::CPU_CLR(cpu, &mut others) };
        // The kernel moves a thread that is ready at once, and refuses an empty set.
        if set_cpus(tid, &others) {
            set_cpus(tid, &self.cpus);
        }
    }

    /// Gives the calling thread, woken for [`Use::Long`], the kernel's own slice again.
    pub(crate) fn end_long_use(&self) {
        if self.usual {
            set_scheduling(0, libc::SCHED_OTHER, DEFAULT);
        }
    }

    /// Asks the kernel to let the calling thread, which runs for microseconds at a time, run as soon as it wakes: with a
    /// short slice it goes before those with longer ones (`PREEMPT_SHORT`, Linux 6.12; ignored by older ones).
    pub(crate) fn be_prompt(&self) {
        if self.usual {
            set_scheduling(0, libc::SCHED_OTHER, SHORTEST);
        }
    }
}

/// The CPU that the calling thread runs on. Async-signal-safe.
pub(crate) fn current_cpu() -> Option<usize> {
    // SAFETY: no arguments.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// The CPUs of thread `tid` of this process, 0 the calling one; `None` when the kernel has more than fit, or it has ended.
fn cpus_of(tid: i32) -> Option<libc::cpu_set_t> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: room for a set of the size passed.
    let got =
        unsafe { libc::sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
    // SAFETY: zeroed, and filled by the call.
    (got >= 0).then(|| unsafe { set.assume_init() })
}

/// Async-signal-safe.
fn set_cpus(tid: i32, cpus: &libc::cpu_set_t) -> bool {
    // SAFETY: the set is valid for its size. A thread that has ended, and an empty set, only make it fail.
    unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), cpus) == 0 }
}

/// Sets policy and slice, in nanoseconds, of thread `tid` of this process; its niceness stays. Async-signal-safe.
fn set_scheduling(tid: i32, policy: libc::c_int, slice: u64) -> bool {
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: policy as u32,
        flags: 0,
        // SAFETY: no pointers.
        nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, tid as libc::id_t) },
        priority: 0,
        runtime: slice,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the structure is as long as it says. A thread that has ended only makes it fail.
    unsafe { libc::syscall(libc::SYS_sched_setattr, tid, &raw const attributes, 0) == 0 }
}

/// What the kernel says of thread `tid` of this process in the file called `name`. Some ten microseconds; allocates nothing.
fn told<'a>(tid: i32, name: &str, text: &'a mut [u8; 1024]) -> Option<&'a [u8]> {
    use std::io::Write as _;
    let mut path = [0_u8; 48];
    write!(&mut path[..47], "/proc/self/task/{tid}/{name}").ok()?;
    read_file(CStr::from_bytes_until_nul(&path).ok()?, text)
}

/// The beginning of a file, as much as there is room for, or one read gives. Allocates nothing.
fn read_file<'a>(path: &CStr, text: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path ends in a zero.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    // SAFETY: the length of the buffer; `file` is ours.
    let length = unsafe { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
    // SAFETY: ours, and not used again.
    unsafe { libc::close(file) };
    text.get(..usize::try_from(length).ok()?)
}

/// Where a thread sleeps in the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asleep {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
}

/// Where thread `tid` of this process sleeps; `None` if it runs, or is ready to, or the kernel does not say. Its other
/// registers are not told, which is too little to walk a stack on aarch64. Allocates nothing.
pub(crate) fn asleep(tid: i32) -> Option<Asleep> {
    if cfg!(not(target_arch = "x86_64")) {
        return None;
    }
    let mut text = [0; 1024];
    // The number of the call, six arguments, and the two registers; "running" if it does not sleep.
    let text = std::str::from_utf8(told(tid, "syscall", &mut text)?).ok()?;
    let mut words = text.trim().rsplit(' ').map(|word| {
        let digits = word.strip_prefix("0x")?;
        usize::from_str_radix(digits, 16).ok()
    });
    let (pc, sp) = (words.next()??, words.next()??);
    Some(Asleep { pc, sp })
}

/// The CPU that thread `tid` of this process has run on last, or waits for. Allocates nothing.
fn last_cpu(tid: i32) -> Option<usize> {
    /// The field of `stat` behind the name, counted from 0: the 39th of all (proc(5)).
    const PROCESSOR: usize = 36;
    let mut text = [0_u8; 1024];
    let text = told(tid, "stat", &mut text)?;
    // A name may contain anything, parentheses too; the last one ends it.
    let name = text.iter().rposition(|&byte| byte == b')')?;
    let field = text.get(name + 2..)?.split(|&byte| byte == b' ').nth(PROCESSOR)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// How many CPUs the calling thread may run on; `None` when the kernel has more than a set holds.
pub(crate) fn usable_cpus() -> Option<usize> {
    let Placing { cpus: set, .. } = Placing::current()?;
    // SAFETY: a valid set.
    usize::try_from(unsafe { libc::CPU_COUNT(&set) }).ok().filter(|&n| n > 0)
}

/// What makes every thread of the process execute a memory barrier, and returns when they have; it returns false when
/// the kernel cannot. Making it may be slow the first time.
pub(crate) fn barrier_on_all_threads() -> impl Fn() -> bool {
    let call = |command: libc::c_int| {
        // SAFETY: takes integers only.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    };
    // Registering again is a no-op.
    let expedited = call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    let command = if expedited {
        libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED
    } else {
        libc::MEMBARRIER_CMD_GLOBAL
    };
    move || call(command) == 0
}

/// Copies so many bytes from `address` to `to`, if all of them are mapped. The kernel does it: who writes there, or unmaps it,
/// meanwhile is no harm. Async-signal-safe.
///
/// # Safety
///
/// `to` has room for them.
pub(crate) unsafe fn peek(address: usize, to: *mut u8, bytes: usize) -> bool {
    let here = libc::iovec { iov_base: to.cast(), iov_len: bytes };
    let there = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: bytes };
    // SAFETY: no arguments.
    let this = unsafe { libc::getpid() };
    // SAFETY: writes to `here` only, which has room (contract).
    let n = unsafe { libc::process_vm_readv(this, &raw const here, 1, &raw const there, 1, 0) };
    usize::try_from(n) == Ok(bytes)
}

/// The calling thread's number.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: no arguments, no failure.
    unsafe { libc::gettid() }
}

/// Asks the kernel to wake this thread on time, to the nanosecond, instead of 50 µs late.
pub(crate) fn precise_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes one integer and concerns the calling thread only.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
    }
}

/// How many threads the process has; `None` when the kernel does not say. Allocates nothing.
pub(crate) fn thread_count() -> Option<usize> {
    let mut text = [0_u8; 4096];
    let text = std::str::from_utf8(read_file(c"/proc/self/status", &mut text)?).ok()?;
    text.lines().find_map(|l| l.strip_prefix("Threads:"))?.trim().parse().ok()
}
