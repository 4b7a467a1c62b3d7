//! Tools: what memory checkers must be told of stacks that they cannot know. Without the features all of it is nothing.
//!
//! - `sanitizer`: the address sanitizer keeps the bounds of the stack that a thread is on, and marks variables that are out
//!   of scope. So each change of stacks is announced before and confirmed after, and a stack that begins anew is unmarked.
//! - `valgrind`: it takes a large change of the stack pointer for a huge frame, unless both ends lie in stacks that it was
//!   told of. So each slot of a slab is registered when it gets its guard, and slabs then stay mapped.
//!
//! `context.rs`, `coroutine.rs`, `segment.rs` and `slab.rs` call this at the places in question.
//!
//! ```text
//!   A: leave(B)   announces B, keeps A's fake stack          B: arrive(..)  where it left, with its fake stack
//!      switch  ------------------------------------------>      or begin()  where it begins
//! ```

pub(crate) use imp::*;
pub(crate) use valgrind::{register, reuse};

#[cfg(not(feature = "sanitizer"))]
mod imp {
    use crate::context::{Context, Entry};
    use core::ptr::NonNull;

    /// What one who left needs when it comes back.
    pub(crate) struct Departure;

    /// Announces a switch to `target`. `for_good`: nobody comes back.
    #[inline(always)]
    pub(crate) fn leave(_target: Context, _for_good: bool) -> Departure {
        Departure
    }

    /// Confirms a switch back.
    #[inline(always)]
    pub(crate) fn arrive(_departure: &Departure) {}

    /// What the entry of a fresh execution is, and how much of the stack is needed to say so.
    #[inline(always)]
    pub(crate) fn fresh(top: NonNull<u8>, entry: Entry) -> (NonNull<u8>, Entry) {
        (top, entry)
    }

    /// Marks a call on another stack, until dropped.
    pub(crate) struct Elsewhere;

    /// Announces a call on the stack that ends at `top`.
    #[inline(always)]
    pub(crate) fn call_on(_top: NonNull<u8>) -> Elsewhere {
        Elsewhere
    }

    impl Elsewhere {
        /// Confirms it, on the other stack; the way back is announced when the result is dropped.
        #[inline(always)]
        pub(crate) fn begin(&mut self) -> Back {
            Back
        }
    }

    /// The other stack's side of [`Elsewhere`].
    pub(crate) struct Back;
}

#[cfg(feature = "sanitizer")]
mod imp {
    use core::ffi::c_void;
    use core::ptr::{self, NonNull};

    use crate::arch;
    use crate::context::{Commit, Context, Entry};
    use crate::{slab, sys};

    unsafe extern "C" {
        fn __sanitizer_start_switch_fiber(save: *mut *mut c_void, low: *const c_void, len: usize);
        fn __sanitizer_finish_switch_fiber(
            saved: *mut c_void,
            old_low: *mut *const c_void,
            old_len: *mut usize,
        );
        fn __asan_unpoison_memory_region(low: *const c_void, len: usize);
        fn __asan_handle_no_return();
    }

    pub(crate) struct Departure(*mut c_void);

    /// Low end and length of the stack around `sp`: ours, the thread's, or, of memory that somebody else brought, what is
    /// sure to belong to it.
    fn bounds(sp: usize) -> (*const c_void, usize) {
        const PAGE: usize = 4096;
        let ours = slab::find(sp.saturating_sub(1)).map(|place| (place.limit, place.top));
        let (low, high) = ours
            .or_else(|| {
                let (low, high) = sys::thread_stack()?;
                let (low, high) = (low.addr().get(), high.addr().get());
                (low..high).contains(&sp).then_some((low, high))
            })
            .unwrap_or((sp.saturating_sub(2 * PAGE), sp.next_multiple_of(PAGE)));
        (ptr::without_provenance(low), high - low)
    }

    #[inline(always)]
    pub(crate) fn leave(target: Context, for_good: bool) -> Departure {
        let (low, len) = bounds(target.as_ptr().addr());
        let mut fake = ptr::null_mut();
        let save = if for_good { ptr::null_mut() } else { &raw mut fake };
        // SAFETY: `save` is null or ours; the bounds are those of where the next switch leads.
        unsafe { __sanitizer_start_switch_fiber(save, low, len) };
        Departure(fake)
    }

    #[inline(always)]
    pub(crate) fn arrive(departure: &Departure) {
        // SAFETY: what `leave` saved on this very stack; null pointers where nothing is wanted.
        unsafe {
            __sanitizer_finish_switch_fiber(departure.0, ptr::null_mut(), ptr::null_mut());
        }
    }

    /// Nothing of what was on it before is out of bounds any more.
    fn unmark(top: NonNull<u8>) {
        if let Some(place) = slab::find(top.addr().get() - 1) {
            let low = ptr::without_provenance(place.limit);
            // SAFETY: the usable part of a slot that is about to be used anew.
            unsafe { __asan_unpoison_memory_region(low, top.addr().get() - place.limit) };
        }
    }

    pub(crate) fn fresh(top: NonNull<u8>, entry: Entry) -> (NonNull<u8>, Entry) {
        unmark(top);
        // SAFETY: below the top; the caller owns that much and more.
        let place = unsafe { top.sub(16) }.cast::<Entry>();
        // SAFETY: aligned and ours.
        unsafe { place.write(entry) };
        // SAFETY: entries are called with a fifth argument, the stack pointer that `prepare` made; they may ignore it.
        let confirm = unsafe { core::mem::transmute::<*const (), Entry>(confirm as *const ()) };
        (place.cast(), confirm)
    }

    /// Confirms the first switch, then enters. `fresh_sp` is what `arch::prepare` returned.
    unsafe extern "C" fn confirm(
        leaving: Context,
        commit: Commit,
        arg: *mut (),
        word: *mut (),
        fresh_sp: *mut u8,
    ) -> ! {
        arrive(&Departure(ptr::null_mut()));
        // SAFETY: the top that `fresh` gave to `arch::prepare`.
        let top = unsafe { fresh_sp.add(arch::FRESH_BYTES) };
        // SAFETY: where `fresh` put it.
        let entry = unsafe { top.cast::<Entry>().read() };
        // SAFETY: with the arguments that this function got for it.
        unsafe { entry(leaving, commit, arg, word) }
    }

    pub(crate) struct Elsewhere {
        here: usize,
        left: Departure,
    }

    #[inline(always)]
    pub(crate) fn call_on(top: NonNull<u8>) -> Elsewhere {
        unmark(top);
        Elsewhere { here: arch::stack_pointer(), left: leave(Context::from_raw(top), false) }
    }

    impl Elsewhere {
        #[inline(always)]
        pub(crate) fn begin(&mut self) -> Back {
            arrive(&Departure(ptr::null_mut()));
            Back(self.here)
        }
    }

    impl Drop for Elsewhere {
        #[inline(always)]
        fn drop(&mut self) {
            arrive(&self.left);
            if std::thread::panicking() {
                // Who raised the panic unmarked the frames that it skips, but those of its own stack only.
                // SAFETY: no preconditions; unmarks what lies above on this stack.
                unsafe { __asan_handle_no_return() };
            }
        }
    }

    pub(crate) struct Back(usize);

    impl Drop for Back {
        #[inline(always)]
        fn drop(&mut self) {
            let (low, len) = bounds(self.0);
            // SAFETY: null: this stack ends; the bounds are those of the caller's.
            unsafe { __sanitizer_start_switch_fiber(ptr::null_mut(), low, len) };
        }
    }
}

#[cfg(not(feature = "valgrind"))]
mod valgrind {
    use core::ptr::NonNull;

    /// Tells of a stack.
    #[inline(always)]
    pub(crate) fn register(_low: usize, _high: usize) {}

    /// Tells that what lies below `top` may be written to again, whatever was returned from there.
    #[inline(always)]
    pub(crate) fn reuse(_top: NonNull<u8>) {}
}

#[cfg(feature = "valgrind")]
mod valgrind {
    use core::ptr::NonNull;

    use crate::{arch, slab};

    pub(crate) fn register(low: usize, high: usize) {
        /// `VG_USERREQ__STACK_REGISTER`
        const STACK_REGISTER: usize = 0x1501;
        arch::valgrind_request([STACK_REGISTER, low, high, 0, 0, 0]);
    }

    pub(crate) fn reuse(top: NonNull<u8>) {
        /// `VG_USERREQ__MAKE_MEM_UNDEFINED`
        const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
        let top = top.addr().get();
        if let Some(place) = slab::find(top - 1) {
            let len = top - place.limit;
            arch::valgrind_request([MAKE_MEM_UNDEFINED, place.limit, len, 0, 0, 0]);
        }
    }
}

/// Whether slabs stay mapped: valgrind is not told that a stack is gone.
pub(crate) const KEEP_SLABS: bool = cfg!(feature = "valgrind");
