//! A raw execution that may go on in another thread than it began in, and counts.

use std::ptr::null_mut;

use gmp_context::{Commit, Context, StackPool, leave, no_commit, prepare, switch};

use crate::count_one_more;

static POOL: StackPool = StackPool::new();

/// An execution that counts when it is resumed for the second time, and who resumed it. Sent from thread to thread.
pub(crate) struct Counting {
    execution: Option<Context>,
    resumer: Option<Context>,
    /// What it does before it counts.
    before: fn(),
}

/// Puts the leaver where `arg` says.
unsafe extern "C" fn keep(leaving: Context, arg: *mut ()) {
    // SAFETY: each switch below passes such an address, of a variable that outlives it.
    unsafe { arg.cast::<Option<Context>>().write(Some(leaving)) };
}

unsafe extern "C" fn counts(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> ! {
    // SAFETY: the contract of an entry.
    unsafe { commit(leaving, arg) };
    // SAFETY: `resume` passes the address of one, and waits.
    let this = unsafe { &mut *word.cast::<Counting>() };
    let resumer = this.resumer.take().expect("somebody resumed");
    let keep_here = (&raw mut this.execution).cast();
    // SAFETY: the resumer waits; `keep` suits its argument.
    let word = unsafe { switch(resumer, keep, keep_here, null_mut()) };
    // SAFETY: as above; it may have moved.
    let this = unsafe { &mut *word.cast::<Counting>() };
    (this.before)();
    count_one_more();
    let resumer = this.resumer.take().expect("somebody resumed");
    // SAFETY: the resumer waits; this stack stays.
    unsafe { leave(resumer, no_commit, null_mut(), null_mut()) }
}

impl Counting {
    pub(crate) fn new(before: fn()) -> Counting {
        POOL.reserve(64 << 10, 1).expect("address space");
        let stack = std::mem::ManuallyDrop::new(POOL.take(64 << 10));
        // SAFETY: a fresh stack, which is never given back.
        let execution = unsafe { prepare(stack.top(), counts) };
        Counting { execution: Some(execution), resumer: None, before }
    }

    pub(crate) fn resume(&mut self) {
        let execution = self.execution.take().expect("suspended");
        let keep_here = (&raw mut self.resumer).cast();
        // SAFETY: suspended, and taken; `keep` suits its argument.
        unsafe { switch(execution, keep, keep_here, (&raw mut *self).cast()) };
    }
}
