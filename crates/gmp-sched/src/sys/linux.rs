//! Linux: futex, `sched_yield`, and `/proc/self` for what only the kernel knows.

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

/// The CPUs that threads of the runtime may use: those of the thread that started it.
#[derive(Clone, Copy)]
pub(crate) struct CpuMask(libc::cpu_set_t);

impl CpuMask {
    /// The calling thread's mask; `None` when the kernel has more CPUs than the set.
    pub(crate) fn current() -> Option<CpuMask> {
        let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: room for a set of the size passed; 0 is the calling thread.
        let got =
            unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
        // SAFETY: zeroed, and filled by the call.
        (got == 0).then(|| CpuMask(unsafe { set.assume_init() }))
    }

    /// Runs `wake`, which wakes thread `tid` of this process, such that it wakes on the CPU of the caller,
    /// who is about to sleep. Left to itself the kernel often puts it behind another busy thread, where it
    /// waits for a whole kernel slice although this CPU is free in a moment. Async-signal-safe.
    pub(crate) fn wake_here(&self, tid: i32, wake: impl FnOnce()) {
        // SAFETY: no arguments.
        let cpu = unsafe { libc::sched_getcpu() };
        let set_to = |set: &libc::cpu_set_t| {
            // SAFETY: the set is valid for its size. A thread that has ended only makes it fail.
            unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), set) }
        };
        // SAFETY: a set of integers; zeroes are the empty set.
        let mut here: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        if let Ok(cpu) = usize::try_from(cpu) {
            // SAFETY: indexes within the set, or panics never: the kernel's CPU numbers fit a set that
            // `sched_getaffinity` accepted.
            unsafe { libc::CPU_SET(cpu, &mut here) };
        }
        let steered = cpu >= 0 && set_to(&here) == 0;
        let humble = steered && set_policy(tid, libc::SCHED_BATCH);
        wake();
        if humble {
            set_policy(tid, libc::SCHED_OTHER);
        }
        if steered {
            set_to(&self.0);
        }
    }
}

impl CpuMask {
    /// Moves thread `tid` of this process, which is ready and gets no CPU, to another CPU than the one it waits for.
    /// False when there is no other. Allocates nothing.
    pub(crate) fn move_away(&self, tid: i32) -> bool {
        let Some(cpu) = last_cpu(tid) else { return false };
        let mut others = self.0;
        // SAFETY: indexes within the set: the kernel's numbers of CPUs fit a set that `sched_getaffinity` accepted.
        unsafe { libc::CPU_CLR(cpu, &mut others) };
        let set_to = |set: &libc::cpu_set_t| {
            // SAFETY: the set is valid for its size. A thread that has ended, and an empty set, only make it fail.
            unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), set) == 0 }
        };
        // The kernel moves a thread that is ready at once.
        let moved = set_to(&others);
        if moved {
            set_to(&self.0);
        }
        moved
    }
}

fn set_policy(tid: i32, policy: libc::c_int) -> bool {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: a valid parameter. A thread that has ended only makes it fail.
    unsafe { libc::syscall(libc::SYS_sched_setscheduler, tid, policy, &raw const none) == 0 }
}

/// The CPU that thread `tid` of this process has run on last, or waits for. Some ten microseconds; allocates nothing.
fn last_cpu(tid: i32) -> Option<usize> {
    use std::io::Write as _;
    /// The field of `stat` behind the name, counted from 0: the 39th of all (proc(5)).
    const PROCESSOR: usize = 36;
    let mut path = [0_u8; 48];
    write!(&mut path[..47], "/proc/self/task/{tid}/stat").ok()?;
    // SAFETY: the path ends in a zero.
    let file = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    let mut text = [0_u8; 1024];
    // SAFETY: the length of the buffer; `file` is ours.
    let length = unsafe { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
    // SAFETY: ours, and not used again.
    unsafe { libc::close(file) };
    let text = text.get(..usize::try_from(length).ok()?)?;
    // A name may contain anything, parentheses too; the last one ends it.
    let name = text.iter().rposition(|&byte| byte == b')')?;
    let field = text.get(name + 2..)?.split(|&byte| byte == b' ').nth(PROCESSOR)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// How many CPUs the calling thread may run on; `None` when the kernel has more than a set holds.
pub(crate) fn usable_cpus() -> Option<usize> {
    let CpuMask(set) = CpuMask::current()?;
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

/// Asks the kernel to let this thread, which runs for microseconds at a time, run as soon as it wakes: with a short
/// slice it goes before those with longer ones (`PREEMPT_SHORT`, Linux 6.12; ignored by older ones).
pub(crate) fn prompt_scheduling() {
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
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        // SAFETY: no pointers; the caller's own niceness, which is kept.
        nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) },
        priority: 0,
        runtime: 100_000, // ns: the least that the kernel takes
        deadline: 0,
        period: 0,
    };
    // SAFETY: the structure is as long as it says; 0 is the calling thread.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// How many threads the process has; `None` when the kernel does not say.
pub(crate) fn thread_count() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("Threads:"))?.trim().parse().ok()
}
