//! StackCache: a few stacks of a pool kept at hand by one thread, or by whoever there is only one of.
//!
//! A pool's lock and its books cost some 50 ns per stack; taking from here costs two loads and a store. The cached stacks
//! stand in lists, one per size, the last given first: its uppermost cache lines are still in the L1. A list is linked
//! through the headers of the stacks.
//!
//! What is too much goes back to the pool by half a bin at a time. There, depth is given back to the kernel now and then;
//! here, a stack keeps what it grew to.

use core::cell::Cell;
use core::fmt;

use crate::limits::ReserveError;
use crate::pool::{CLASSES, SMALLEST, StackPool, class_of};
use crate::stack::{Listed, Stack};
use crate::sync::plain::{AtomicU32, Ordering};

/// Most stacks of one size: enough for programs that keep a few dozen coroutines; and their bytes, if all of them had grown
/// to their limits.
const MOST: u32 = 64;
const MOST_BYTES: usize = 16 << 20;

/// After so many stacks that found no room in a cache the pool is trimmed: some 0.4 µs per stack, in one go, so that the
/// price is spread and the lock taken rarely.
const TRIM_EVERY: u32 = 256;

/// Stacks of one size.
struct Bin {
    list: Cell<Option<Listed>>,
    len: Cell<u32>,
}

/// A cache in front of a [`StackPool`], without a lock.
///
/// Takes no reservations: [`take`](StackCache::take) fails when neither it nor the pool has a stack and the system refuses
/// one more. Dropping it gives all back.
pub struct StackCache {
    pool: &'static StackPool,
    bins: [Bin; CLASSES],
}

// SAFETY: the cached stacks are owned and tied to no thread; nothing else is shared with the thread it came from.
unsafe impl Send for StackCache {}

impl StackCache {
    /// An empty cache in front of `pool`.
    pub const fn new(pool: &'static StackPool) -> StackCache {
        let bins = [const { Bin { list: Cell::new(None), len: Cell::new(0) } }; CLASSES];
        StackCache { pool, bins }
    }

    /// A stack of at least `size` bytes, the one given back last if there is one.
    ///
    /// # Errors
    /// As [`StackPool::reserve`].
    #[inline]
    pub fn take(&self, size: usize) -> Result<Stack, ReserveError> {
        let class = class_of(size)?;
        match self.bin(class).pop() {
            Some(stack) => Ok(stack),
            None => self.pool.take_new(class),
        }
    }

    /// Takes a stack back.
    ///
    /// # Panics
    /// When it is another pool's.
    #[inline]
    pub fn give(&self, stack: Stack) {
        assert!(self.pool.owns(&stack), "gmp: stack of another pool");
        self.put(stack);
    }

    /// As `give`, of a stack that is known to be the pool's.
    #[inline]
    pub(crate) fn put(&self, stack: Stack) {
        debug_assert!(self.pool.owns(&stack), "gmp: stack of another pool");
        let class = stack.class();
        let bin = self.bin(class);
        let full = bin.len.get() >= MOST || (bin.len.get() as usize) << class >= MOST_BYTES;
        bin.push(stack);
        if full {
            self.give_half(class);
        }
    }

    fn bin(&self, class: u32) -> &Bin {
        &self.bins[(class - SMALLEST) as usize]
    }

    /// Half of a bin goes back to the pool: those given before the others, whose cache lines are cold.
    #[cold]
    fn give_half(&self, class: u32) {
        static OVER: AtomicU32 = AtomicU32::new(0);
        let bin = self.bin(class);
        let n = bin.len.get().div_ceil(2);
        let kept = Bin { list: Cell::new(None), len: Cell::new(0) };
        for _ in n..bin.len.get() {
            bin.pop().into_iter().for_each(|stack| kept.push(stack));
        }
        self.pool.give_all(class, core::iter::from_fn(|| bin.pop()));
        core::iter::from_fn(|| kept.pop()).for_each(|stack| bin.push(stack));
        // Relaxed: a count that decides when to tidy up.
        let over = OVER.fetch_add(n, Ordering::Relaxed);
        if over / TRIM_EVERY != (over + n) / TRIM_EVERY {
            self.pool.trim_deep();
        }
    }
}

impl Bin {
    #[inline]
    fn push(&self, stack: Stack) {
        stack.push_to(&self.list);
        self.len.set(self.len.get() + 1);
    }

    #[inline]
    fn pop(&self) -> Option<Stack> {
        let stack = Stack::pop_from(&self.list)?;
        self.len.set(self.len.get() - 1);
        Some(stack)
    }
}

impl Drop for StackCache {
    fn drop(&mut self) {
        for (bin, class) in self.bins.iter().zip(SMALLEST..) {
            if bin.len.get() > 0 {
                self.pool.give_all(class, core::iter::from_fn(|| bin.pop()));
            }
        }
    }
}

impl fmt::Debug for StackCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cached: u32 = self.bins.iter().map(|bin| bin.len.get()).sum();
        f.debug_struct("StackCache").field("cached", &cached).finish_non_exhaustive()
    }
}
