//! SignalStack: an alternate signal stack for a thread that runs contexts.
//!
//! A handler must not run on the stack that overflowed, nor take room on a small one. The alternate stack that the
//! standard library gives its threads holds barely one signal frame; handlers of a runtime may nest (a preemption request
//! interrupted by a fault) and write a report. Public as `guard::SignalStack`.
//!
//! ```text
//!  low                                                        high
//!   | guard: one page, no access | 64 KiB or more, used downward |
//! ```

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::errno::Errno;
use crate::sys;

/// Least bytes: two nested frames with AVX-512 and AMX state (11 KiB each) and a report, with room to spare.
const MIN_SIZE: usize = 64 << 10;

/// The calling thread's own guarded alternate signal stack; dropping it restores the one before.
///
/// Tied to its thread, hence not `Send`. Drop it on the thread's way out, not from a signal handler.
#[derive(Debug)]
#[must_use = "the alternate stack is removed again when this is dropped"]
pub struct SignalStack {
    ours: Option<Mapping>,
    thread_bound: PhantomData<*mut ()>,
}

#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
    before: libc::stack_t,
}

impl SignalStack {
    /// Gives the calling thread an alternate stack of at least 64 KiB, unless it has one of that size.
    ///
    /// # Errors
    /// The kernel has no address space, or the call comes from a handler on the present alternate stack.
    #[cfg(feature = "std")]
    pub fn install() -> std::io::Result<SignalStack> {
        Ok(SignalStack::try_install()?)
    }

    /// As [`install`](SignalStack::install).
    ///
    /// # Errors
    /// As `install`.
    pub fn try_install() -> Result<SignalStack, Errno> {
        let before = exchange(None)?;
        let size = MIN_SIZE.max(4 * sys::signal_frame_size()).next_multiple_of(sys::page_size());
        if before.ss_flags & libc::SS_DISABLE == 0 && before.ss_size >= size {
            return Ok(SignalStack { ours: None, thread_bound: PhantomData });
        }
        let page = sys::page_size();
        let len = page + size;
        let start = sys::map(len)?;
        let mapping = Mapping { start, len, before };
        // SAFETY: the first page of our new mapping.
        let guarded = unsafe { sys::guard_protect(start, page) };
        let installed = guarded.and_then(|()| {
            // SAFETY: a page into a mapping that is larger.
            let low = unsafe { start.add(page) };
            let ours = libc::stack_t { ss_sp: low.as_ptr().cast(), ss_flags: 0, ss_size: size };
            exchange(Some(&ours))
        });
        match installed {
            Ok(_) => Ok(SignalStack { ours: Some(mapping), thread_bound: PhantomData }),
            Err(error) => {
                // SAFETY: mapped above and used by nobody.
                unsafe { sys::unmap(start, len) };
                Err(error)
            }
        }
    }
}

/// Sets the alternate stack, if one is given, and returns the one before.
fn exchange(new: Option<&libc::stack_t>) -> Result<libc::stack_t, Errno> {
    let mut before = MaybeUninit::<libc::stack_t>::uninit();
    let new = new.map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: `new` describes memory that stays mapped until it is replaced; `before` is written on success.
    if unsafe { libc::sigaltstack(new, before.as_mut_ptr()) } != 0 {
        return Err(sys::errno());
    }
    // SAFETY: the call succeeded.
    Ok(unsafe { before.assume_init() })
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let Some(mapping) = self.ours.take() else { return };
        // When it fails we run on it: then it must stay, and leaks.
        if exchange(Some(&mapping.before)).is_ok() {
            // SAFETY: no longer the alternate stack of this thread, and never of another.
            unsafe { sys::unmap(mapping.start, mapping.len) };
        }
    }
}
