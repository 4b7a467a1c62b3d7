//! The calling goroutine, as its own code sees it.

use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::g::{G, GoId};
use crate::m::M;

/// A goroutine as its own code sees it.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    g: NonNull<G>,
}

impl Current {
    /// The calling goroutine; `None` on a plain thread. Neither parks nor blocks.
    pub fn get() -> Option<Current> {
        crate::current::m().and_then(M::g).map(|g| Current { g })
    }

    fn header(&self) -> &G {
        // SAFETY: the goroutine is running this code, so its header is alive; `Current` is not Send.
        unsafe { self.g.as_ref() }
    }

    /// Its number.
    pub fn id(&self) -> GoId {
        self.header().id()
    }

    /// A number of its runtime, not 0, which no other runtime of the process has or will have.
    pub fn runtime(&self) -> usize {
        // Schedulers are never freed.
        ptr::from_ref(self.header().sched).addr()
    }

    /// The name that its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at()
    }

    /// A word that belongs to the goroutine, null at first: for a runtime's goroutine-local storage.
    pub fn locals(&self) -> *mut () {
        self.header().locals.get()
    }

    /// Sets that word. Whoever sets it frees what it points to before the goroutine ends.
    pub fn set_locals(&self, locals: *mut ()) {
        self.header().locals.set(locals);
    }
}
