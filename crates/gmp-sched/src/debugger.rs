//! What a debugger must know to find goroutines in a core dump: offsets and addresses, without debug information.
//!
//! `crates/gmp/gdb/gmp.py` finds [`LAYOUT`] by its symbol, and from there every slot, whatever the build. Words only; new
//! ones are appended, and what changes its meaning changes [`VERSION`].

use std::mem::offset_of;

use crate::arena::MapVec;
use crate::g::G;
use crate::m::M;
use crate::on_thread;
use crate::slots;
use crate::sync::plain::{AtomicPtr, Ordering};
use crate::wait::WaitReason;

/// Changes when a word changes its meaning.
const VERSION: usize = 1;

/// A word of the table: a number, or an address.
#[repr(C)]
union Word {
    number: usize,
    address: *const (),
}

/// The table.
#[repr(transparent)]
pub(crate) struct Layout([Word; 18]);

// SAFETY: never written; the addresses are of statics.
unsafe impl Sync for Layout {}

const fn number(number: usize) -> Word {
    Word { number }
}

/// A slab as [`slots`] lists it: the address of its first slot, and the size of a slot.
type Slab = (*mut u8, usize);

/// Where everything is.
#[used]
pub(crate) static LAYOUT: Layout = Layout([
    number(VERSION),
    // The list of slabs, its two words, and what one of its entries looks like.
    Word { address: slots::SLABS.as_ptr().cast() },
    number(MapVec::<Slab>::BASE),
    number(MapVec::<Slab>::LEN),
    number(size_of::<Slab>()),
    number(offset_of!(Slab, 0)),
    number(offset_of!(Slab, 1)),
    number(slots::SLAB),
    // A goroutine.
    number(offset_of!(G, context)),
    number(offset_of!(G, id)),
    number(offset_of!(G, reason)),
    number(offset_of!(G, parent)),
    number(offset_of!(G, spawned_at)),
    // The words for what it does: an address, and how many.
    Word { address: WaitReason::TEXTS.as_ptr().cast() },
    number(WaitReason::TEXTS.len()),
    // Threads: the newest, and in each the one before it, what the kernel calls it, and what it runs.
    Word { address: (&raw const on_thread::ALL).cast::<AtomicPtr<M>>().cast() },
    number((offset_of!(M, older) << 32) | offset_of!(M, tid)),
    number(M::G),
]);

/// Keeps the linker from leaving the table out, and looks whether it is right.
pub(crate) fn keep() {
    let table = std::hint::black_box(&LAYOUT);
    // SAFETY: the first word is a number.
    debug_assert_eq!(unsafe { table.0[0].number }, VERSION);
    // Relaxed: only to have the symbol of the list in use, too.
    let _ = on_thread::ALL.load(Ordering::Relaxed);
}
