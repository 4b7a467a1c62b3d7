//! Which M the calling thread is: the crate's only thread-local.
//!
//! A goroutine may leave its thread at every park, while a compiler is free to keep the address of a
//! thread-local in a register over any call (peers.md, 2a). So nothing here is inlined and nothing
//! returns a reference into thread-local storage: callers get values, and ask again after a switch.

use std::cell::Cell;
use std::ptr;

use crate::m::M;
use crate::parker::Parker;

/// What a thread that is no M keeps: its parker and its random state.
struct Foreign {
    parker: Parker,
    rng: Cell<u64>,
}

thread_local! {
    static CURRENT: Cell<*const M> = const { Cell::new(ptr::null()) };
    static MONITOR: Cell<bool> = const { Cell::new(false) };
    static FOREIGN: Foreign = const { Foreign { parker: Parker::new(), rng: Cell::new(0) } };
}

/// The M that the calling thread is, if it is one.
#[inline(never)]
pub(crate) fn m() -> Option<&'static M> {
    let m = CURRENT.with(Cell::get);
    // SAFETY: only `set_m` writes the cell, with a pointer to an M; Ms are never freed.
    unsafe { m.as_ref() }
}

/// Makes the calling thread `m` (or none). Called once when a thread becomes an M and once when it ends.
#[inline(never)]
pub(crate) fn set_m(m: Option<&'static M>) {
    CURRENT.with(|c| c.set(m.map_or(ptr::null(), ptr::from_ref)));
}

/// Whether the calling thread is the monitor, in its loop.
#[inline(never)]
pub(crate) fn is_monitor() -> bool {
    MONITOR.with(Cell::get)
}

/// Says so, or that it is no longer.
#[inline(never)]
pub(crate) fn set_monitor(monitor: bool) {
    MONITOR.with(|m| m.set(monitor));
}

/// The parker of a thread that waits as a thread. The memory lives as long as the thread; a waker's last
/// access is a futex wake, which uses the address only as a name.
#[inline(never)]
pub(crate) fn thread_parker() -> *const Parker {
    FOREIGN.with(|f| ptr::from_ref(&f.parker))
}

/// Next state of the calling thread's own xorshift generator, for threads that are no M.
#[inline(never)]
pub(crate) fn foreign_random() -> u64 {
    FOREIGN.with(|f| {
        let mut x = f.rng.get();
        if x == 0 {
            x = crate::rng::seed(ptr::from_ref(f).addr() as u64);
        }
        x = crate::rng::step(x);
        f.rng.set(x);
        x
    })
}
