//! For tests: tells an allocator that checks where the runtime must not allocate.
//!
//! In critical sections, in the scheduler's loop, which is one, and on the monitor's thread nobody may allocate or free
//! (`critical.rs` says why). The library in `alloc-check/`, preloaded, takes malloc's place and aborts there. It is found by
//! a name in the process when a runtime starts, in builds with debug assertions only; in others nothing of this exists.

use crate::current;
use crate::sync::plain::{AtomicBool, Ordering};

/// The process ends with a report, which may allocate wherever it is made.
static LIFTED: AtomicBool = AtomicBool::new(false);

/// What the library is asked for, and what it takes: whom to ask.
type Register = extern "C" fn(extern "C" fn() -> bool);

/// Whether the calling thread must neither allocate nor free now.
extern "C" fn forbidden() -> bool {
    let section = current::m().is_some_and(|m| m.hold.is_critical());
    // Relaxed: set by the thread that makes the report.
    (section || current::is_monitor()) && !LIFTED.load(Ordering::Relaxed)
}

/// The process is about to end; its report may allocate.
pub(crate) fn lift() {
    LIFTED.store(true, Ordering::Relaxed); // Relaxed: as in `forbidden`.
}

/// Called when a runtime starts.
pub(crate) fn announce() {
    if cfg!(debug_assertions) {
        // SAFETY: a C string; looks it up.
        let register = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"gmp_alloc_check".as_ptr()) };
        if !register.is_null() {
            // SAFETY: the library's function of that name is of this type.
            let register = unsafe { std::mem::transmute::<*mut libc::c_void, Register>(register) };
            register(forbidden);
        }
    }
}
