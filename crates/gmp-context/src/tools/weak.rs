//! The functions of the sanitizers, where the program has them.
//!
//! A program is built with one sanitizer, or with none, and a library cannot ask which: so the names are weak, and the linker
//! puts a null where there is no such function.
//!
//! ```text
//!  gmp_context_sanitizers   one word each, in the order of the fields of `Sanitizers`
//! ```

use core::arch::global_asm;
use core::ffi::{c_uint, c_void};

/// The table below, as Rust reads it.
#[repr(C)]
pub(super) struct Sanitizers {
    /// Announces a change of stacks: keeps the leaver's fake stack in `save` (null: it ends), and names the other's bounds.
    pub(super) start_switch:
        Option<unsafe extern "C" fn(save: *mut *mut c_void, low: *const c_void, len: usize)>,
    /// Confirms it: the fake stack of who goes on; where to put the bounds of who left.
    pub(super) finish_switch:
        Option<unsafe extern "C" fn(saved: *mut c_void, low: *mut *const c_void, len: *mut usize)>,
    /// Marks a range as valid.
    pub(super) unpoison: Option<unsafe extern "C" fn(low: *const c_void, len: usize)>,
    /// Marks as valid what lies between the caller and the outermost frame.
    pub(super) no_return: Option<unsafe extern "C" fn()>,
    /// The thread sanitizer's execution that runs.
    pub(super) current_fiber: Option<unsafe extern "C" fn() -> *mut c_void>,
    /// A new one.
    pub(super) create_fiber: Option<unsafe extern "C" fn(flags: c_uint) -> *mut c_void>,
    /// The end of one that does not run.
    pub(super) destroy_fiber: Option<unsafe extern "C" fn(fiber: *mut c_void)>,
    /// From here on another one runs. Flags 0: what ran until now happens before.
    pub(super) switch_fiber: Option<unsafe extern "C" fn(fiber: *mut c_void, flags: c_uint)>,
}

global_asm!(
    ".pushsection .data.rel.ro.gmp_context_sanitizers,\"aw\",@progbits",
    ".balign 8",
    ".hidden gmp_context_sanitizers",
    ".globl gmp_context_sanitizers",
    ".type gmp_context_sanitizers, @object",
    "gmp_context_sanitizers:",
    ".weak __sanitizer_start_switch_fiber",
    ".quad __sanitizer_start_switch_fiber",
    ".weak __sanitizer_finish_switch_fiber",
    ".quad __sanitizer_finish_switch_fiber",
    ".weak __asan_unpoison_memory_region",
    ".quad __asan_unpoison_memory_region",
    ".weak __asan_handle_no_return",
    ".quad __asan_handle_no_return",
    ".weak __tsan_get_current_fiber",
    ".quad __tsan_get_current_fiber",
    ".weak __tsan_create_fiber",
    ".quad __tsan_create_fiber",
    ".weak __tsan_destroy_fiber",
    ".quad __tsan_destroy_fiber",
    ".weak __tsan_switch_to_fiber",
    ".quad __tsan_switch_to_fiber",
    ".size gmp_context_sanitizers, . - gmp_context_sanitizers",
    ".popsection",
);

unsafe extern "C" {
    safe static gmp_context_sanitizers: Sanitizers;
}

/// What there is.
#[inline(always)]
pub(super) fn sanitizers() -> &'static Sanitizers {
    &gmp_context_sanitizers
}
