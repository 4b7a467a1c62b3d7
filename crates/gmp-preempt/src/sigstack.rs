//! A signal stack that is large enough to be stopped on.
//!
//! std gives its threads one of 8 KiB or the least that the CPU's registers need. A stopped thread sits
//! in the handler, and other signals nest on the same stack: a profiler's, or a fault's with a backtrace
//! printer. So an attached thread gets 64 KiB with a guard below, unless it has as much already (a
//! runtime that brings its own). Pages that nobody touches cost nothing. For `target.rs`.
//!
//! ```text
//!   low                                                          high
//!   +-------------+----------------------------------------------+
//!   | guard, 1 pg |  64 KiB, grows down, frame at the high end   |
//!   +-------------+----------------------------------------------+
//!   ^ mapping     ^ ss_sp
//! ```

use std::{io, mem::MaybeUninit, ptr};

/// The least size of an attached thread's signal stack, in bytes.
///
/// A frame with AVX-512 is 2.7 KiB, with AMX 11 KiB; three of those and a debug build's frames fit.
pub const SIGNAL_STACK_MIN: usize = 64 * 1024;

/// The signal stack that this crate gave to the calling thread; dropping it gives the old one back.
///
/// Made and dropped by the same thread (it lives in a thread-local).
#[derive(Debug)]
pub(crate) struct SignalStack {
    mapping: *mut libc::c_void,
    length: usize,
    usable: *mut libc::c_void,
    before: libc::stack_t,
}

impl SignalStack {
    /// Makes sure that the calling thread has a large enough signal stack; `None` if it had.
    pub(crate) fn ensure() -> io::Result<Option<SignalStack>> {
        let before = exchange(None)?;
        if before.ss_flags & libc::SS_DISABLE == 0 && before.ss_size >= SIGNAL_STACK_MIN {
            return Ok(None);
        }
        // SAFETY: no obligation.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(|_| io::Error::last_os_error())?;
        let length = SIGNAL_STACK_MIN + page;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
        // SAFETY: a new anonymous mapping; replaces nothing.
        let mapping = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let usable = mapping.wrapping_byte_add(page);
        let stack = SignalStack { mapping, length, usable, before };
        // SAFETY: the first page of the mapping above, which nothing uses.
        if unsafe { libc::mprotect(mapping, page, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let ours = libc::stack_t { ss_sp: usable, ss_flags: 0, ss_size: SIGNAL_STACK_MIN };
        exchange(Some(&ours))?;
        Ok(Some(stack))
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // When the thread ends std has switched its signal stack off and unmapped it before
        // thread-locals are dropped: then the old one is not to be given back. Errors cannot happen
        // (we are not on that stack), and would only leave a mapping behind.
        let Ok(now) = exchange(None) else { return };
        if now.ss_sp == self.usable
            && now.ss_flags & libc::SS_DISABLE == 0
            && exchange(Some(&self.before)).is_err()
        {
            return;
        }
        // SAFETY: the mapping of `ensure` — no longer this thread's signal stack, and nobody else's.
        unsafe { libc::munmap(self.mapping, self.length) };
    }
}

/// Sets the calling thread's signal stack, or only asks for it; returns the one before.
fn exchange(new: Option<&libc::stack_t>) -> io::Result<libc::stack_t> {
    let mut old = MaybeUninit::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or describes memory that stays mapped while it is set; `old` is room.
    if unsafe { libc::sigaltstack(new, old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: initialised — the call succeeded.
    Ok(unsafe { old.assume_init() })
}
