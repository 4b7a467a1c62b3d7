//! Memory straight from the kernel, for structures that must grow inside critical sections.
//!
//! malloc may not be called there: a goroutine that was stopped inside it holds its lock. `mmap` has no
//! lock that a stopped goroutine could hold, and these structures double, so calls are rare.

use std::mem;
use std::ptr::{self, NonNull};

/// A growing array of plain values. Zero capacity until first used; memory is never given back before drop.
#[derive(Debug)]
pub(crate) struct MapVec<T: Copy> {
    base: NonNull<T>,
    len: usize,
    capacity: usize,
}

// SAFETY: owns its memory like a Vec.
unsafe impl<T: Copy + Send> Send for MapVec<T> {}

impl<T: Copy> MapVec<T> {
    /// Offsets of the address and of the length, for debuggers.
    pub(crate) const BASE: usize = mem::offset_of!(MapVec<T>, base);
    pub(crate) const LEN: usize = mem::offset_of!(MapVec<T>, len);

    /// An empty array without memory.
    pub(crate) const fn new() -> MapVec<T> {
        MapVec { base: NonNull::dangling(), len: 0, capacity: 0 }
    }

    /// Appends; grows through the kernel when full.
    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.capacity {
            self.grow();
        }
        // SAFETY: `len < capacity`, so the place is inside the mapping.
        let place = unsafe { self.base.add(self.len) };
        // SAFETY: in bounds (above) and aligned: the base is page-aligned.
        unsafe { place.write(value) };
        self.len += 1;
    }

    /// Takes the last.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = *self.last()?;
        self.len -= 1;
        Some(last)
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.capacity * 2).max(16 * 1024 / mem::size_of::<T>());
        let base = map(capacity * mem::size_of::<T>()).cast::<T>();
        // SAFETY: both mappings hold at least `len` values and do not overlap.
        unsafe { ptr::copy_nonoverlapping(self.base.as_ptr(), base.as_ptr(), self.len) };
        self.unmap();
        self.base = base;
        self.capacity = capacity;
    }

    fn unmap(&mut self) {
        if self.capacity != 0 {
            // SAFETY: exactly what `map` returned for this capacity; nobody else has it.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.capacity * mem::size_of::<T>()) };
        }
    }
}

impl<T: Copy> std::ops::Deref for MapVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` values are initialised; the base is aligned and not null.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }
}

impl<T: Copy> std::ops::DerefMut for MapVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }
}

impl<T: Copy> Drop for MapVec<T> {
    fn drop(&mut self) {
        self.unmap();
    }
}

/// `bytes` of zeroed memory. Aborts with a message when the kernel has none: these structures cannot
/// report failure to anybody, and a lost timer is worse.
pub(crate) fn map(bytes: usize) -> NonNull<u8> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice.
    let p = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    match NonNull::new(p.cast::<u8>()) {
        Some(base) if p != libc::MAP_FAILED => base,
        _ => crate::fatal::abort(
            "out of memory for the runtime itself: raise RLIMIT_AS or vm.max_map_count",
        ),
    }
}
