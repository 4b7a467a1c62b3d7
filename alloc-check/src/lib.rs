//! An allocator that aborts where the runtime must not allocate, for tests: a library to preload.
//!
//! A goroutine can be stopped anywhere, inside malloc too, and stays there until it is its turn again. Whoever waits for
//! malloc's lock meanwhile waits for that. So a critical section of the runtime, the scheduler's loop and the monitor may
//! neither allocate nor free: somebody may be waiting for them in order to let that goroutine go on. Such a mistake is a
//! deadlock once in a million runs; with this library it is an abort, with a backtrace, in every run that comes by.
//!
//! `cargo xtask test debug` runs every test executable with `LD_PRELOAD=libgmp_alloc_check.so`. It takes the place of the C
//! library's functions, so it also sees what C code allocates, in programs that know nothing of it. A runtime that was
//! built with debug assertions looks for [`gmp_alloc_check`] when it starts (`gmp-sched`, `alloc_check.rs`), and says
//! there whom to ask. glibc only: what is called in the end are the names that it has for its own functions.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::backtrace::Backtrace;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Whether the calling thread must not allocate now. Never allocates.
type Forbidden = extern "C" fn() -> bool;

/// Null or a [`Forbidden`].
static FORBIDDEN: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(number: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

/// From now on `forbidden` is asked before each allocation and each free.
#[unsafe(no_mangle)]
pub extern "C" fn gmp_alloc_check(forbidden: Forbidden) {
    // Release: pairs with Acquire in `check`.
    FORBIDDEN.store(forbidden as *mut (), Ordering::Release);
}

fn check(what: &str) {
    // Acquire: pairs with Release in `gmp_alloc_check`.
    let forbidden = FORBIDDEN.load(Ordering::Acquire);
    if forbidden.is_null() {
        return;
    }
    // SAFETY: not null, so a function of this type.
    let forbidden = unsafe { std::mem::transmute::<*mut (), Forbidden>(forbidden) };
    if forbidden() {
        refuse(what);
    }
}

#[cold]
#[expect(
    clippy::print_stderr,
    reason = "a report before the process is aborted, by a library that nobody calls"
)]
fn refuse(what: &str) -> ! {
    // The report allocates. Relaxed: this thread sees its own store. Others may be let through, or report as well, until the
    // process ends.
    FORBIDDEN.store(ptr::null_mut(), Ordering::Relaxed);
    eprintln!("gmp: {what} where the runtime must not\n{}", Backtrace::force_capture());
    std::process::abort()
}

/// # Safety
/// As `malloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    check("malloc");
    // SAFETY: the caller's contract.
    unsafe { __libc_malloc(size) }
}

/// # Safety
/// As `calloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(number: usize, size: usize) -> *mut c_void {
    check("calloc");
    // SAFETY: the caller's contract.
    unsafe { __libc_calloc(number, size) }
}

/// # Safety
/// As `realloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    check("realloc");
    // SAFETY: the caller's contract.
    unsafe { __libc_realloc(block, size) }
}

/// # Safety
/// As `memalign(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    check("memalign");
    // SAFETY: the caller's contract.
    unsafe { __libc_memalign(alignment, size) }
}

/// # Safety
/// As `aligned_alloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    check("aligned_alloc");
    // SAFETY: the caller's contract.
    unsafe { __libc_memalign(alignment, size) }
}

/// # Safety
/// As `posix_memalign(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    at: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    check("posix_memalign");
    if !alignment.is_power_of_two() || alignment % size_of::<usize>() != 0 {
        return libc::EINVAL;
    }
    // SAFETY: a valid alignment.
    let block = unsafe { __libc_memalign(alignment, size) };
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: room for an address, by the caller's contract.
    unsafe { at.write(block) };
    0
}

/// # Safety
/// As `free(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    check("free");
    // SAFETY: the caller's contract.
    unsafe { __libc_free(block) }
}
