//! Memory for a coroutine: what it needs to know of a stack, and the stacks that it gets when nobody brings one.
//!
//! One pool for the process, a cache of it per thread. Whoever wants stacks from elsewhere (static memory, huge pages, a
//! pool of one's own) implements [`StackMemory`]. `coroutine.rs` and `segment.rs` use this.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::cache::StackCache;
use crate::limits::ReserveError;
use crate::pool::StackPool;
use crate::stack::Stack;

static POOL: StackPool = StackPool::new();

thread_local! {
    // Not a `const` initialiser: Rust 1.85 accepts none that refers to a static with interior mutability.
    static CACHE: StackCache = StackCache::new(&POOL);
}

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

/// A stack of the process's own pool; goes back by itself.
pub struct PooledStack(ManuallyDrop<Stack>);

impl PooledStack {
    /// A stack of at least `size` bytes, rounded up to a power of two. From the thread's cache a few nanoseconds, from the
    /// pool some fifty; now and then a system call.
    ///
    /// # Errors
    /// As [`StackPool::reserve`]; turns into an [`std::io::Error`] that explains it.
    #[inline]
    pub fn new(size: usize) -> Result<PooledStack, ReserveError> {
        match CACHE.try_with(|cache| cache.take(size)) {
            Ok(stack) => Ok(PooledStack(ManuallyDrop::new(stack?))),
            Err(_) => PooledStack::from_pool(size),
        }
    }

    /// Without the cache: the thread has run its destructors.
    #[cold]
    fn from_pool(size: usize) -> Result<PooledStack, ReserveError> {
        let stack = POOL.take_new(crate::pool::class_of(size)?)?;
        Ok(PooledStack(ManuallyDrop::new(stack)))
    }

    /// Bytes, as [`Stack::size`].
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// Bytes that it has been used to, as [`Stack::touched`].
    pub fn touched(&self) -> usize {
        self.0.touched()
    }
}

// SAFETY: a stack of a pool is exclusive, mapped until it is given back, and guarded; its top is 16-aligned.
unsafe impl StackMemory for PooledStack {
    #[inline]
    fn top(&self) -> NonNull<u8> {
        self.0.top()
    }

    #[inline]
    fn limit(&self) -> NonNull<u8> {
        self.0.limit()
    }
}

impl Drop for PooledStack {
    #[inline]
    fn drop(&mut self) {
        let stack = &mut self.0;
        // SAFETY: taken once: here, unless there is no cache.
        let cached = CACHE.try_with(|cache| cache.put(unsafe { ManuallyDrop::take(stack) }));
        if cached.is_err() {
            // SAFETY: the closure did not run, so this is the one time.
            give_to_pool(unsafe { ManuallyDrop::take(stack) });
        }
    }
}

/// Past the cache: the thread has run its destructors.
#[cold]
fn give_to_pool(stack: Stack) {
    POOL.give_all(stack.class(), core::iter::once(stack));
}

impl fmt::Debug for PooledStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledStack").field(&*self.0).finish()
    }
}
