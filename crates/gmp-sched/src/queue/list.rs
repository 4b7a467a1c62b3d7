//! A chain of goroutines linked through themselves: the unit in which they travel between queues.

use std::ptr::{self, NonNull};

/// What can be chained: it carries one link for whichever list it is in.
///
/// # Safety
///
/// `link` must give the same location for the same object each time, used by lists only.
pub(crate) unsafe trait Linked {
    /// Where the object keeps its successor in the list.
    fn link(this: NonNull<Self>) -> *mut *mut Self;
}

/// A FIFO chain. It owns the right to its members' links; a member is in one list at most.
#[derive(Debug)]
pub(crate) struct List<T: Linked> {
    head: *mut T,
    tail: *mut T,
    len: usize,
}

// SAFETY: the list is the exclusive holder of its members while they are in it.
unsafe impl<T: Linked> Send for List<T> {}

impl<T: Linked> List<T> {
    /// An empty chain.
    pub(crate) const fn new() -> List<T> {
        List { head: ptr::null_mut(), tail: ptr::null_mut(), len: 0 }
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends `item`, which the caller has the only right to link.
    pub(crate) fn push(&mut self, item: NonNull<T>) {
        // SAFETY: the caller hands over the right to the link (doc), so nobody else touches it.
        unsafe { *T::link(item) = ptr::null_mut() };
        match NonNull::new(self.tail) {
            None => self.head = item.as_ptr(),
            // SAFETY: `tail` is a member, whose link belongs to this list.
            Some(tail) => unsafe { *T::link(tail) = item.as_ptr() },
        }
        self.tail = item.as_ptr();
        self.len += 1;
    }

    /// The first, which stays.
    pub(crate) fn peek(&self) -> Option<NonNull<T>> {
        NonNull::new(self.head)
    }

    /// Takes the first.
    pub(crate) fn pop(&mut self) -> Option<NonNull<T>> {
        let item = NonNull::new(self.head)?;
        // SAFETY: `head` is a member, whose link belongs to this list.
        self.head = unsafe { *T::link(item) };
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        self.len -= 1;
        Some(item)
    }

    /// Moves all of `other` behind the last.
    pub(crate) fn append(&mut self, other: &mut List<T>) {
        let Some(first) = NonNull::new(other.head) else { return };
        match NonNull::new(self.tail) {
            None => self.head = first.as_ptr(),
            // SAFETY: `tail` is a member, whose link belongs to this list.
            Some(tail) => unsafe { *T::link(tail) = first.as_ptr() },
        }
        self.tail = other.tail;
        self.len += other.len;
        *other = List::new();
    }
}
