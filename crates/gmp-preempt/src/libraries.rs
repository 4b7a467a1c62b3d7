//! Was the thread interrupted inside the C library? There it may hold the allocator's lock, or the loader's.
//!
//! Stopping such a thread is sound, and slow for everybody: whoever allocates next waits until its turn
//! comes again. An `OnStop` can ask [`interrupted_in_c_library`] and put the stop off by saying no; a few
//! microseconds later the thread is somewhere else. It helps with the allocator of the C library only, so it
//! is advice, not a rule: an own allocator, and `std`'s locks, look like any other code. The places of the
//! libraries' code are looked up once, when the handler is installed. For `signal.rs`.

use std::ffi::CStr;

use crate::{
    current,
    sync::plain::{AtomicUsize, Ordering},
    sys,
};

/// The C library, the loader, and the unwinder, which runs under the loader's lock. By the beginning of
/// their file names.
const NAMES: [&[u8]; 4] = [b"libc.", b"libc-", b"ld-", b"libgcc_s"];

/// Room for their code: each has one piece.
const MOST: usize = 4;

/// First and last address of each piece; 0 where there is none.
static CODE: [[AtomicUsize; 2]; MOST] =
    [const { [AtomicUsize::new(0), AtomicUsize::new(0)] }; MOST];

/// In an `OnStop`: how many times in a row the calling thread was interrupted inside the C library, this
/// time included; 0 if it was not, or if it was asleep there in a system call (then it holds nothing that it
/// would give back by running). Async-signal-safe; neither blocks nor allocates.
pub fn interrupted_in_c_library() -> u32 {
    current::with(current::Local::in_library)
}

/// Looks up where the libraries are. Allocates nothing by itself; takes the loader's lock.
pub(crate) fn look_up() {
    let mut found = 0;
    sys::for_each_code(&mut |name: &CStr, start: usize, end: usize| {
        let file = name.to_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
        if found < MOST && NAMES.iter().any(|n| file.starts_with(n)) {
            // Relaxed, both: written before the handler is installed, which publishes them.
            CODE[found][0].store(start, Ordering::Relaxed);
            CODE[found][1].store(end, Ordering::Relaxed);
            found += 1;
        }
    });
}

/// Whether `at` is inside their code. Async-signal-safe.
pub(crate) fn contain(at: usize) -> bool {
    CODE.iter().any(|[start, end]| {
        // Relaxed, both: as above.
        (start.load(Ordering::Relaxed)..end.load(Ordering::Relaxed)).contains(&at)
    })
}
