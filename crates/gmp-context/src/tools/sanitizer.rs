//! What the sanitizers are told of switches and of calls on another stack. `mod.rs` has the picture.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use super::fibers;
use super::weak::sanitizers;
use crate::arch;
use crate::context::{Commit, Context, Entry};
use crate::{slab, sys};

/// What one who left needs when it comes back: its fake stack.
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

/// Announces that the stack around `sp` comes next; keeps the present one's fake stack in `save`, or ends it.
fn start_switch(sp: usize, save: *mut *mut c_void) {
    if let Some(start) = sanitizers().start_switch {
        let (low, len) = bounds(sp);
        // SAFETY: `save` is null or the caller's; the bounds are those of where the next switch leads.
        unsafe { start(save, low, len) };
    }
}

/// Confirms that the stack changed.
fn finish_switch(departure: &Departure) {
    if let Some(finish) = sanitizers().finish_switch {
        // SAFETY: what was saved on this very stack, or null for a fresh one; null pointers where nothing is wanted.
        unsafe { finish(departure.0, ptr::null_mut(), ptr::null_mut()) };
    }
}

/// Announces a switch to `target`. The switch comes next.
#[inline(always)]
pub(crate) fn leave(target: Context) -> Departure {
    let mut fake = ptr::null_mut();
    start_switch(target.as_ptr().addr(), &raw mut fake);
    fibers::change(target, false);
    Departure(fake)
}

/// As `leave`; nobody comes back.
#[inline(always)]
pub(crate) fn leave_for_good(target: Context) {
    start_switch(target.as_ptr().addr(), ptr::null_mut());
    fibers::change(target, true);
}

/// Confirms a switch back, done by `leaving`.
#[inline(always)]
pub(crate) fn arrive(departure: &Departure, leaving: Context) {
    finish_switch(departure);
    fibers::settle(leaving);
}

/// Nothing of what was on it before is out of bounds any more.
fn unmark(top: NonNull<u8>) {
    let Some(unpoison) = sanitizers().unpoison else { return };
    if let Some(place) = slab::find(top.addr().get() - 1) {
        let low = ptr::without_provenance(place.limit);
        // SAFETY: the usable part of a slot that is about to be used anew.
        unsafe { unpoison(low, top.addr().get() - place.limit) };
    }
}

/// What the entry of a fresh execution is, and how much of the stack is needed to say so.
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

/// Tells of a fresh execution.
pub(crate) fn prepared(context: Context) {
    fibers::create(context);
}

/// Confirms the first switch, then enters. `fresh_sp` is what `arch::prepare` returned.
unsafe extern "C" fn confirm(
    leaving: Context,
    commit: Commit,
    arg: *mut (),
    word: *mut (),
    fresh_sp: *mut u8,
) -> ! {
    arrive(&Departure(ptr::null_mut()), leaving);
    // SAFETY: the top that `fresh` gave to `arch::prepare`.
    let top = unsafe { fresh_sp.add(arch::FRESH_BYTES) };
    // SAFETY: where `fresh` put it.
    let entry = unsafe { top.cast::<Entry>().read() };
    // SAFETY: with the arguments that this function got for it.
    unsafe { entry(leaving, commit, arg, word) }
}

/// Marks a call on another stack, until dropped. The execution stays the same.
pub(crate) struct Elsewhere {
    here: usize,
    left: Departure,
}

/// Announces a call on the stack that ends at `top`.
#[inline(always)]
pub(crate) fn call_on(top: NonNull<u8>) -> Elsewhere {
    unmark(top);
    let mut fake = ptr::null_mut();
    start_switch(top.addr().get(), &raw mut fake);
    Elsewhere { here: arch::stack_pointer(), left: Departure(fake) }
}

impl Elsewhere {
    /// Confirms it, on the other stack; the way back is announced when the result is dropped.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Back {
        finish_switch(&Departure(ptr::null_mut()));
        Back(self.here)
    }
}

impl Drop for Elsewhere {
    #[inline(always)]
    fn drop(&mut self) {
        finish_switch(&self.left);
        if let Some(no_return) = sanitizers().no_return.filter(|_| std::thread::panicking()) {
            // Who raised the panic unmarked the frames that it skips, but those of its own stack only.
            // SAFETY: no preconditions; unmarks what lies above on this stack.
            unsafe { no_return() };
        }
    }
}

/// The other stack's side of [`Elsewhere`].
pub(crate) struct Back(usize);

impl Drop for Back {
    #[inline(always)]
    fn drop(&mut self) {
        start_switch(self.0, ptr::null_mut());
    }
}
