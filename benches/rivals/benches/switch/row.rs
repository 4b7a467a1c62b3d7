//! A row of executions, each of which switches to the next: what a scheduler pays to go from one to the next when it
//! knows which. The way back to the owner stands behind the last.
//!
//! ```text
//!   slots   | 0 | 1 | 2 | .. | n - 1 | n: the owner |        word: the address of the slot that is resumed
//! ```

use std::mem;

use gmp_context::{Commit, Context, Stack, StackPool, prepare, switch};

static POOL: StackPool = StackPool::new();
const SIZE: usize = 64 << 10;

type Slot = Option<Context>;

/// Executions that are suspended for ever; their stacks are leaked with them.
pub(crate) struct Row {
    slots: Vec<Slot>,
}

unsafe extern "C" fn keep(leaving: Context, slot: *mut ()) {
    // SAFETY: every switch below passes the address of its own slot, which outlives it.
    unsafe { slot.cast::<Slot>().write(Some(leaving)) };
}

unsafe extern "C" fn member(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> ! {
    // SAFETY: the contract of an entry.
    unsafe { commit(leaving, arg) };
    let mut mine = word.cast::<Slot>();
    loop {
        // SAFETY: a member's slot has a successor.
        let next = unsafe { mine.add(1) };
        // SAFETY: in the row.
        let Some(target) = (unsafe { *next }) else { std::process::abort() };
        // SAFETY: the next one is suspended, and its slot is filled anew before it is used again; `keep` suits ours.
        mine = unsafe { switch(target, keep, mine.cast(), next.cast()) }.cast();
    }
}

impl Row {
    pub(crate) fn new(members: usize) -> Row {
        POOL.reserve(SIZE, members).expect("address space");
        let fresh = |stack: Stack| {
            // SAFETY: a fresh stack, leaked below.
            let fresh = unsafe { prepare(stack.top(), member) };
            mem::forget(stack);
            Some(fresh)
        };
        let mut slots: Vec<Slot> = (0..members).map(|_| fresh(POOL.take(SIZE))).collect();
        slots.push(None);
        let mut row = Row { slots };
        row.lap();
        row
    }

    /// So many switches, rounded up to whole laps.
    pub(crate) fn run(&mut self, switches: u64) {
        for _ in 0..switches.div_ceil(self.slots.len() as u64) {
            self.lap();
        }
    }

    /// From the owner through all members and back: one switch per slot.
    fn lap(&mut self) {
        let owner = self.slots.len() - 1;
        let target = self.slots[0].expect("the first one is suspended");
        let slots = self.slots.as_mut_ptr();
        // SAFETY: the last slot.
        let own = unsafe { slots.add(owner) };
        // SAFETY: suspended and used once before it is kept anew; the last member finds us in the last slot.
        unsafe { switch(target, keep, own.cast(), slots.cast()) };
    }
}
