//! Room: how much of a stack is left, and going on elsewhere when that is too little.
//!
//! Code may run on a thread's stack, a pool's, or a segment (`segment.rs`), and the stack pointer alone does not tell where
//! that ends. The thread remembers the bounds that it found last; while the stack pointer lies between them, that is the
//! answer. Otherwise the registry of slabs knows, or the C library for the thread's own stack.
//!
//! Needs `std`, which has the thread-locals.

use core::cell::Cell;

use crate::pooled::PooledStack;
use crate::segment::grow_on;
use crate::{arch, slab, sys};

/// Bounds of a stack that this thread was on, and the state of the registry then.
#[derive(Clone, Copy)]
struct Bounds {
    limit: usize,
    top: usize,
    epoch: usize,
}

thread_local! {
    static LAST: Cell<Bounds> = const { Cell::new(Bounds { limit: 0, top: 0, epoch: 0 }) };
    /// The thread's own stack, once it was looked up: 30 µs on the main thread.
    static OWN: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Runs `f` on a stack of at least `size` bytes and returns what it returns. A panic of `f` goes on in the caller.
///
/// The stack comes from the process's pool and goes back when `f` is done: some 3 ns when the thread has one of that size
/// at hand. `f` may be suspended, and continued on another thread, wherever its caller might.
///
/// # Panics
/// When there is no stack: no address space for one more, or `size` above 64 GiB. The text says which limit it was.
pub fn grow<R>(size: usize, f: impl FnOnce() -> R) -> R {
    match PooledStack::new(size) {
        Ok(stack) => grow_on(&stack, f),
        Err(error) => panic!("gmp: no stack to grow to: {error}"),
    }
}

/// Runs `f` where it is if at least `red_zone` bytes of stack are left, else on a stack of `size` bytes, as [`grow`].
///
/// Put it into the recursive function: at some 2 ns a call, recursion is then limited by memory only. `red_zone` must be
/// enough for what runs until the next such call, C code included; 64 KiB is a good start.
///
/// ```
/// fn depth(n: u64) -> u64 {
///     if n == 0 { 0 } else { gmp_context::maybe_grow(64 << 10, 1 << 20, || 1 + depth(n - 1)) }
/// }
/// assert_eq!(depth(100_000), 100_000);
/// ```
///
/// # Panics
/// As [`grow`].
#[inline]
pub fn maybe_grow<R>(red_zone: usize, size: usize, f: impl FnOnce() -> R) -> R {
    if remaining() >= red_zone { f() } else { grow(size, f) }
}

/// Bytes of stack that are left below the caller: of the innermost segment, else of the context's stack or the thread's.
/// 0 when that is unknown.
///
/// A stack's memory is taken when it is touched; this counts the address space. About 1.5 ns, some 40 ns after a change of
/// stacks (more with hundreds of slabs) and, at the first call on a thread's own stack, a look into `/proc`, 30 µs.
#[inline(never)] // so that the address of the thread-local is not kept over a switch to another thread
pub fn remaining() -> usize {
    let sp = arch::stack_pointer();
    let Ok(last) = LAST.try_with(Cell::get) else { return find(sp).map_or(0, |at| sp - at.limit) };
    let known = (last.limit..last.top).contains(&sp) && last.epoch == slab::epoch();
    if known { sp - last.limit } else { remaining_slow(sp) }
}

#[cold]
fn remaining_slow(sp: usize) -> usize {
    let Some(bounds) = find(sp) else { return 0 };
    // An error: the thread ends and has no memory for it any more.
    let _ = LAST.try_with(|last| last.set(bounds));
    sp - bounds.limit
}

fn find(sp: usize) -> Option<Bounds> {
    let epoch = slab::epoch();
    if let Some(place) = slab::find(sp).filter(|place| place.limit <= sp) {
        return Some(Bounds { limit: place.limit, top: place.top, epoch });
    }
    let own = OWN.try_with(Cell::get).ok().flatten();
    let (limit, top) = match own {
        Some(own) => own,
        None => {
            let (limit, top) = sys::thread_stack()?;
            let found = (limit.addr().get(), top.addr().get());
            // An error: the thread ends, and looks it up each time.
            let _ = OWN.try_with(|own| own.set(Some(found)));
            found
        }
    };
    (limit..top).contains(&sp).then_some(Bounds { limit, top, epoch })
}
