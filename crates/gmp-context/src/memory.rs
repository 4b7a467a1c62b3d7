//! Memory for a coroutine: what it needs to know of a stack.
//!
//! Whoever wants stacks from elsewhere (static memory, huge pages, a pool of one's own) implements [`StackMemory`].
//! `coroutine.rs` and `segment.rs` use this; `pooled.rs` has the stacks that are there when nobody brings one.

use core::ptr::NonNull;

/// Memory that a coroutine can run on.
///
/// # Safety
/// An implementation promises that
/// - the bytes between [`limit`](StackMemory::limit) and [`top`](StackMemory::top) can be read and written, are used by
///   nobody else, and stay so until the value is dropped, also when it is moved;
/// - both calls return the same each time, `top` is 16-aligned, and the two are at least 4 KiB apart;
/// - an overflow faults: below `limit` there is a guard that no single frame can jump over. Rust touches every page of a
///   frame, so one page is enough for Rust; C code that was compiled without stack clash protection may need more.
///
/// ```
/// use core::ptr::NonNull;
/// use gmp_context::{Coroutine, Resumed, Stack, StackMemory, StackPool};
///
/// static POOL: StackPool = StackPool::new();
/// struct Mine(Option<Stack>);
///
/// impl Mine {
///     fn stack(&self) -> &Stack {
///         self.0.as_ref().expect("present until dropped")
///     }
/// }
/// // SAFETY: a stack of a pool is all that, until it is given back.
/// unsafe impl StackMemory for Mine {
///     fn top(&self) -> NonNull<u8> { self.stack().top() }
///     fn limit(&self) -> NonNull<u8> { self.stack().limit() }
/// }
/// impl Drop for Mine {
///     fn drop(&mut self) { POOL.give(self.0.take().expect("dropped once")) }
/// }
///
/// POOL.reserve(64 << 10, 1)?;
/// let mine = Mine(Some(POOL.take(64 << 10)));
/// let mut twice = Coroutine::<u32, (), u32, _>::with_stack(mine, |_, n| 2 * n)?;
/// assert_eq!(twice.resume(21), Resumed::Returned(42));
/// # std::io::Result::Ok(())
/// ```
pub unsafe trait StackMemory {
    /// Where the first frame goes: past the highest usable byte.
    fn top(&self) -> NonNull<u8>;

    /// The lowest usable byte.
    fn limit(&self) -> NonNull<u8>;
}
