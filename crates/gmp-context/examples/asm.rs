//! The places whose machine code is kept in `asm/`: `cargo xtask asm` builds this and compares. Does nothing when run.

use gmp_context::{Commit, Context, Coroutine, Resumed, Yielder};

/// A symmetric switch in a function that has nothing live across it.
///
/// # Safety
/// As [`gmp_context::switch`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmp_asm_switch(
    target: Context,
    commit: Commit,
    arg: *mut (),
    word: *mut (),
) -> *mut () {
    // SAFETY: the caller's promise.
    unsafe { gmp_context::switch(target, commit, arg, word) }
}

/// One resume; the coroutine suspends.
#[unsafe(no_mangle)]
pub fn gmp_asm_resume(coroutine: &mut Coroutine<u64, u64, ()>, word: u64) -> u64 {
    match coroutine.resume(word) {
        Resumed::Yielded(word) => word,
        Resumed::Returned(()) => 0,
    }
}

/// One suspension.
#[unsafe(no_mangle)]
pub fn gmp_asm_suspend(yielder: &Yielder<u64, u64>, word: u64) -> u64 {
    yielder.suspend(word)
}

fn main() {
    // Named, so that they are in the program.
    std::hint::black_box((
        gmp_asm_switch as *const (),
        gmp_asm_resume as *const (),
        gmp_asm_suspend as *const (),
    ));
}
