//! The crate without `std`: an execution that computes Fibonacci numbers, one each time that it is continued.
//!
//! An ordinary program as an example; `cargo xtask nostd` builds this file without the standard library, and runs it.
#![cfg_attr(not(feature = "std"), no_std, no_main)]

use core::ptr::null_mut;

use gmp_context::{Commit, Context, ReserveError, StackPool, prepare, switch};

static POOL: StackPool = StackPool::new();
const SIZE: usize = 64 << 10;

/// What the two sides share.
struct Line {
    /// Who waits for a number.
    reader: Option<Context>,
    /// Who computes them.
    writer: Option<Context>,
    number: u64,
}

/// Keeps the leaver in the `Option<Context>` that `place` points to.
unsafe extern "C" fn keep(leaving: Context, place: *mut ()) {
    // SAFETY: both sides pass such an address, of a variable that outlives the switch.
    unsafe { place.cast::<Option<Context>>().write(Some(leaving)) };
}

/// The writer. Owns nothing, so it may be abandoned at any of its switches.
unsafe extern "C" fn write(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> ! {
    // SAFETY: the contract of an entry.
    unsafe { commit(leaving, arg) };
    let line = word.cast::<Line>();
    let (mut this, mut next) = (0_u64, 1_u64);
    loop {
        // SAFETY: the reader passed the address of one, and waits.
        unsafe { (*line).number = this };
        (this, next) = (next, this.wrapping_add(next));
        // SAFETY: as above; put there by `keep`.
        let reader = unsafe { (*line).reader.take() };
        let Some(reader) = reader else { panic!("nobody waits") };
        // SAFETY: a place in what the reader keeps.
        let here = unsafe { &raw mut (*line).writer }.cast();
        // SAFETY: the reader is suspended, and taken, so used once; `keep` suits its argument.
        unsafe { switch(reader, keep, here, null_mut()) };
    }
}

/// The Fibonacci number of `index`.
fn fibonacci(index: u32) -> Result<u64, ReserveError> {
    POOL.try_reserve(SIZE, 1)?;
    let stack = POOL.take(SIZE);
    // SAFETY: a fresh stack, ours until it is given back.
    let writer = unsafe { prepare(stack.top(), write) };
    let mut line = Line { reader: None, writer: Some(writer), number: 0 };
    for _ in 0..=index {
        let Some(writer) = line.writer.take() else { panic!("the writer is gone") };
        let (here, word) = ((&raw mut line.reader).cast(), (&raw mut line).cast());
        // SAFETY: fresh or suspended, and taken, so used once; `keep` suits its argument.
        unsafe { switch(writer, keep, here, word) };
    }
    POOL.give(stack);
    Ok(line.number)
}

#[cfg(feature = "std")]
fn main() -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "the 90th Fibonacci number: {}", fibonacci(90)?)
}

/// For the C library, which calls it: 0 if the number is right.
#[cfg(not(feature = "std"))]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let reported = gmp_context::guard::try_install().is_ok();
    i32::from(!reported || fibonacci(90).ok() != Some(2_880_067_194_370_816_120))
}

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}

/// The tables of `core` name it, which was compiled for programs that unwind. Nobody calls it in one that does not.
#[cfg(not(feature = "std"))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
