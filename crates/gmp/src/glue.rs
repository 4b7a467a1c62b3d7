//! The only file that knows all crates: implements the scheduler's seams with the poller and the preempter.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gmp_preempt::{Observed, Rest, Target, barrier};
use gmp_sched::{Driver, MHandle, Preempt, Registers};

use crate::net::poll::PollDriver;

/// The descriptors' side of the scheduler.
pub(crate) static DRIVER: &dyn Driver = &PollDriver;

/// The side that stops hogs, and sees who sleeps.
pub(crate) static PREEMPT: &dyn Preempt = &Signals;

/// The same without signals, for `GMP_PREEMPT=off`: sees who sleeps, and stops nobody.
pub(crate) static WATCH: &dyn Preempt = &Watch;

/// Stops threads by SIGURG. The token of a thread is its `Target`, which is leaked: the monitor may hold it
/// in the very moment in which the thread ends, and threads end when a runtime stops only.
struct Signals;

/// Looks at threads only. The token of a thread is its `Observed`, which is leaked likewise.
struct Watch;

/// # Safety
///
/// `token` comes from `attach`.
unsafe fn target<'a>(token: *mut ()) -> &'a Target {
    // SAFETY: a leaked `Arc`'s content.
    unsafe { &*token.cast::<Target>() }
}

/// Requests that find a thread inside the C library, in a row, before it is stopped for good all the same. They come
/// every 50 to 100 µs, from the monitor and from the caller of `run`; code that stays there for longer copies, sorts or yields,
/// and holds no lock of the allocator. More would outlast the patience of the runtime's end, and one that yields all the time
/// would never be stopped.
const SPARED: u32 = 50;

/// Decides in the handler. While the runtime runs a goroutine may be stopped anywhere: it goes on soon. At its end it is
/// stopped for good, and inside the C library it would keep the allocator's lock for ever.
unsafe fn stop(m: *const ()) -> bool {
    let spared = (1..=SPARED).contains(&gmp_preempt::interrupted_in_c_library());
    if spared && !gmp_sched::running() {
        return false;
    }
    let at = match gmp_preempt::interrupted() {
        Some(gmp_preempt::Registers { pc, sp, fp, lr }) => Registers { pc, sp, fp, lr },
        // At the end of a critical section of the preempter.
        None => Registers::here(),
    };
    // SAFETY: `attach` passed this M as the context of its own thread.
    unsafe { gmp_sched::try_hand_over(m, &at) }
}

// SAFETY: `Target` keeps a thread for which its `OnStop` returned true in the handler until `resume`, and
// counts a `resume` that comes early.
unsafe impl Preempt for Signals {
    fn attach(&self, m: MHandle) -> io::Result<*mut ()> {
        // SAFETY: `stop` is async-signal-safe, and the M, whose own thread this is, lives for ever.
        let target = unsafe { Target::attach(stop, m.into_raw())? };
        Ok(Arc::into_raw(target).cast_mut().cast())
    }

    fn request(&self, token: *mut ()) -> bool {
        // SAFETY: the scheduler passes tokens of `attach`.
        unsafe { target(token) }.request().is_ok()
    }

    fn request_later(&self, token: *mut ()) -> bool {
        // SAFETY: as above.
        unsafe { target(token) }.request_later().is_ok()
    }

    fn can_stop(&self) -> bool {
        true
    }

    fn cpu_time(&self, token: *mut ()) -> Option<u64> {
        // SAFETY: as above.
        nanoseconds(unsafe { target(token) }.cpu_time())
    }

    fn is_asleep(&self, token: *mut ()) -> bool {
        // SAFETY: as above.
        unsafe { target(token) }.is_asleep().unwrap_or(false)
    }

    fn rest(&self, token: *mut ()) -> (bool, Option<u64>) {
        // SAFETY: as above.
        sleeps(unsafe { target(token) }.rest())
    }

    fn restarts(&self, token: *mut ()) -> Option<bool> {
        // SAFETY: as above.
        unsafe { target(token) }.restarts().unwrap_or(Some(false))
    }

    fn barrier(&self) -> bool {
        barrier::everywhere()
    }

    fn resume(&self, token: *mut ()) {
        // SAFETY: as above.
        unsafe { target(token) }.resume();
    }

    fn detach(&self, token: *mut ()) {
        // SAFETY: as above.
        unsafe { target(token) }.detach();
    }
}

/// # Safety
///
/// `token` comes from `Watch::attach`.
unsafe fn observed<'a>(token: *mut ()) -> &'a Observed {
    // SAFETY: a leaked box's content.
    unsafe { &*token.cast::<Observed>() }
}

fn nanoseconds(time: io::Result<Duration>) -> Option<u64> {
    u64::try_from(time.ok()?.as_nanos()).ok()
}

fn sleeps(rest: io::Result<Rest>) -> (bool, Option<u64>) {
    rest.map_or((false, None), |rest| (rest.asleep, rest.sleeps))
}

// SAFETY: no thread is ever stopped, so none runs on before it is resumed.
unsafe impl Preempt for Watch {
    fn attach(&self, _m: MHandle) -> io::Result<*mut ()> {
        Ok(Box::into_raw(Box::new(Observed::current())).cast())
    }

    fn request(&self, _token: *mut ()) -> bool {
        false
    }

    fn request_later(&self, _token: *mut ()) -> bool {
        false
    }

    fn can_stop(&self) -> bool {
        false
    }

    fn cpu_time(&self, token: *mut ()) -> Option<u64> {
        // SAFETY: the scheduler passes tokens of `attach`, between `attach` and `detach`.
        nanoseconds(unsafe { observed(token) }.cpu_time())
    }

    fn is_asleep(&self, token: *mut ()) -> bool {
        // SAFETY: as above.
        unsafe { observed(token) }.is_asleep().unwrap_or(false)
    }

    fn rest(&self, token: *mut ()) -> (bool, Option<u64>) {
        // SAFETY: as above.
        sleeps(unsafe { observed(token) }.rest())
    }

    fn restarts(&self, _token: *mut ()) -> Option<bool> {
        None
    }

    fn barrier(&self) -> bool {
        barrier::everywhere()
    }

    fn resume(&self, _token: *mut ()) {}

    fn detach(&self, _token: *mut ()) {}
}
