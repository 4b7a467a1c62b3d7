//! PooledStack: the stack of a coroutine for which nobody brings one.
//!
//! One pool for the process, a cache of it per thread; hence it needs `std`. `coroutine.rs` and `room.rs` use this.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::cache::StackCache;
use crate::limits::ReserveError;
use crate::memory::StackMemory;
use crate::pool::StackPool;
use crate::stack::Stack;

static POOL: StackPool = StackPool::new();

thread_local! {
    // Not a `const` initialiser: Rust 1.85 accepts none that refers to a static with interior mutability.
    static CACHE: StackCache = StackCache::new(&POOL);
}

/// A stack of the process's own pool; goes back by itself.
pub struct PooledStack(ManuallyDrop<Stack>);

impl PooledStack {
    /// A stack of at least `size` bytes, rounded up to a power of two. From the thread's cache a few nanoseconds, from the
    /// pool some fifty; now and then a system call.
    ///
    /// # Errors
    /// As [`StackPool::reserve`].
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
