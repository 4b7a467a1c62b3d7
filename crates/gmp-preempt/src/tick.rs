//! A signal that no system call sees: a timer on the thread's own CPU clock, which fires at a clock tick.
//!
//! A signal from another thread arrives whenever it is there. If the thread has gone into a system call
//! meanwhile, the kernel ends that call, and some calls then fail with `EINTR`: a look beforehand makes that
//! seldom and cannot exclude it. A timer on the CPU clock of the thread is different:
//!
//! - **T1** The monitor sets it to one nanosecond of CPU time from now. Nothing else happens then: no
//!   interrupt is programmed and nobody is woken.
//! - **T2** The kernel looks at such timers in the clock tick of the CPU on which the thread runs. While it
//!   sleeps there is no such tick. If the tick has interrupted a system call, that call goes on: it only
//!   marks the thread, with a mark that does not wake anybody and that no call looks at.
//! - **T3** On its way back to user code the thread finds the mark and sends itself the signal, and takes
//!   it before it runs any user code: all calls are over.
//!
//! T2 and T3 are what Linux does on x86-64 since 5.9, and by now on arm64 (`POSIX_CPU_TIMERS_TASK_WORK`). An older one sends
//! the signal in the tick (T2), so that a call may see it that begins to sleep in this very moment. Calls that do the work of T3
//! in their own loop may see it on any kernel: `io_uring_enter`, and `ioctl` of a virtual machine.
//! The price is time: a tick is 1 to 10 ms long (4 ms with `HZ=250`), and one must come while the thread runs.
//!
//! The timer is made by who first asks, by raw system calls, since the C library's allocates; between steps
//! A1 and A3 of `word.rs`, so the thread is there. It is deleted by the thread, after D2. For `target.rs`.

use std::io;

use crate::{
    signal,
    sync::plain::{AtomicU64, Ordering},
    sys,
};

/// A thread's timer, once it has been made.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    /// ```text
    ///   63             32 31              0
    ///   +----------------+----------------+
    ///   |   process id   | timer's id + 1 |      or 0: there is none
    ///   +----------------+----------------+
    /// ```
    /// The process's, because a child after `fork` has none of its parent's timers, and may have others with their numbers.
    made: AtomicU64,
}

impl Timer {
    /// T1, between A1 and A3: `thread` is of this process and has not ended.
    pub(crate) fn set(&self, thread: sys::ThreadId) -> io::Result<()> {
        // Relaxed: a number; the timer is the kernel's.
        let id = match own(self.made.load(Ordering::Relaxed)) {
            Some(id) => id,
            None => self.make(thread)?,
        };
        sys::timer_set(id)
    }

    #[cold]
    fn make(&self, thread: sys::ThreadId) -> io::Result<u32> {
        let id = signal::timer(thread)?;
        let word = (u64::from(std::process::id()) << 32) | (u64::from(id) + 1);
        // Relaxed: only a first guess for the exchange below.
        let before = self.made.load(Ordering::Relaxed);
        let other = if own(before).is_none() {
            // Relaxed, both: as in `set`.
            self.made.compare_exchange(before, word, Ordering::Relaxed, Ordering::Relaxed).err()
        } else {
            Some(before)
        };
        match other.and_then(own) {
            None => Ok(id),
            // Another asker was faster.
            Some(other) => {
                sys::timer_delete(id);
                Ok(other)
            }
        }
    }

    /// By the thread itself, after D2: nobody sets it any more. A signal of it that is pending is dropped by the kernel, or by
    /// the handler.
    pub(crate) fn delete(&self) {
        // Relaxed: whoever has made it has passed A3.
        if let Some(id) = own(self.made.swap(0, Ordering::Relaxed)) {
            sys::timer_delete(id);
        }
    }
}

/// The timer's id, if it is one of this process.
fn own(made: u64) -> Option<u32> {
    let id = (made as u32).checked_sub(1)?;
    (made >> 32 == u64::from(std::process::id())).then_some(id)
}
