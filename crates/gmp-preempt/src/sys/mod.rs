//! What this crate needs of the operating system, and which file has it.
//!
//! Each system's file provides the same names:
//!
//! ```text
//! futex_wait(word, expected, timeout)  sleeps while *word == expected; may return for no reason
//! futex_wake(word)                     wakes all sleepers; uses the address only
//! ThreadId::current()                  Copy; what signals and clocks name a thread by
//! send_signal(thread, signal, cookie)  to a thread of this process that has not ended
//! timer_create(thread, signal, cookie) -> io::Result<u32>  sends that signal to that thread, see `tick.rs`;
//!                                      `Unsupported` where there is none
//! timer_set(id), timer_delete(id)      it fires once, after a nanosecond of CPU time
//! origin(info) -> Origin               who sent a signal
//! cpu_time(thread)                     CPU time used so far
//! is_asleep(thread)                    whether the kernel has it asleep; `Unsupported` where unknown
//! rest(thread) -> Rest                 the same, and how often it has gone to sleep by itself
//! restarts(thread) -> Option<bool>     whether the call in which it sleeps survives a signal; `Unsupported` where unknown
//! membarrier_register() -> bool, membarrier()
//! for_each_code(each)                  code of each loaded library: its file, first and last address
//! running_at(context) -> Option<usize> where a handler has interrupted code that was running
//! registers(context) -> Option<Registers>  what an unwinder needs of the code that was interrupted
//! errno(), set_errno(value)
//! ```
//!
//! All of them but `is_asleep`, `rest` and `restarts` are async-signal-safe, none allocates.

/// Who sent a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// It carries this value.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "the calls of the others carry no value")
    )]
    Cookie(*const ()),
    /// A thread of this process, without a value; also when the kernel had no room to say who.
    ThisProcess,
    /// The kernel or another process.
    Elsewhere,
}

#[cfg(target_os = "macos")]
mod darwin;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod linux;
#[cfg(not(target_os = "linux"))]
mod no_tick;

#[cfg(target_os = "macos")]
pub(crate) use darwin::*;
#[cfg(target_os = "freebsd")]
pub(crate) use freebsd::*;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use no_tick::*;

#[cfg(not(any(
    all(target_os = "linux", target_pointer_width = "64"),
    target_os = "freebsd",
    target_os = "macos"
)))]
compile_error!("gmp-preempt supports 64-bit Linux, FreeBSD and macOS");
