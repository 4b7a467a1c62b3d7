//! The crate's thread-locals: which target the calling thread is, and its critical section.
//!
//! In one file, because the signal handler reads them: [`Local`] is const-initialised and has no
//! destructor, so an access is an address and nothing more. [`crate::Target::attach`] touches it first,
//! which matters where the loader provides thread-local memory on first use (a library loaded by
//! `dlopen`). What needs a destructor, so that a thread that ends without detaching detaches all the
//! same, lives in [`ATTACHMENT`], which no handler touches. For `target.rs`, `signal.rs`, `critical.rs`.

use std::cell::RefCell;

use crate::{
    critical::Section,
    sync::plain::{AtomicPtr, AtomicU32, Ordering, compiler_fence},
    target::{Attachment, Target},
};

/// What the handler can read of its own thread.
#[derive(Debug)]
pub(crate) struct Local {
    /// Null or the attached target; an atomic only because a handler reads it.
    ///
    /// # Safety
    /// Points to a live `Target` whenever it is not null: the thread's [`Attachment`] owns it and sets
    /// this to null before it lets go.
    target: AtomicPtr<Target>,
    section: Section,
    /// Interruptions inside the C library, in a row; 0 outside the handler.
    in_library: AtomicU32,
    /// The same, over the handler's runs.
    streak: AtomicU32,
    /// What the kernel gave the handler; null outside of it.
    context: AtomicPtr<libc::c_void>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            target: AtomicPtr::new(std::ptr::null_mut()),
            section: Section::new(),
            in_library: AtomicU32::new(0),
            streak: AtomicU32::new(0),
            context: AtomicPtr::new(std::ptr::null_mut()),
        }
    };

    /// Detaches when the thread ends. Never touched by the handler.
    pub(crate) static ATTACHMENT: RefCell<Option<Attachment>> = const { RefCell::new(None) };
}

/// Runs `f` with the calling thread's locals. Async-signal-safe if `f` is.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Local) -> R) -> R {
    LOCAL.with(f)
}

impl Local {
    #[inline]
    pub(crate) fn section(&self) -> &Section {
        &self.section
    }

    /// The target that the calling thread is, if it is attached.
    #[inline]
    pub(crate) fn target(&self) -> Option<&Target> {
        // Relaxed: written by this thread only.
        let target = self.target.load(Ordering::Relaxed);
        // SAFETY: null or a live `Target` — the field's invariant; only this thread, which is here,
        // could end that.
        unsafe { target.as_ref() }
    }

    /// Makes `target` what [`target`](Local::target) returns; null for none.
    ///
    /// # Safety
    /// `target` is null, or lives until this has been called again.
    pub(crate) unsafe fn set_target(&self, target: *const Target) {
        // Compiler fence: pairs with the handler on this thread; the target is complete before it is
        // visible there.
        compiler_fence(Ordering::SeqCst);
        // Relaxed: read by this thread only.
        self.target.store(target.cast_mut(), Ordering::Relaxed);
        // Compiler fence: as above; nothing is torn down before it has become invisible.
        compiler_fence(Ordering::SeqCst);
    }

    /// What [`crate::interrupted_in_c_library`] returns.
    pub(crate) fn in_library(&self) -> u32 {
        // Relaxed: written by this thread only.
        self.in_library.load(Ordering::Relaxed)
    }

    /// What [`crate::interrupted`] reads.
    pub(crate) fn context(&self) -> *const libc::c_void {
        // Relaxed: written by this thread only.
        self.context.load(Ordering::Relaxed)
    }

    /// As [`serve`](Local::serve), in the handler, which was given `context` and has interrupted the C library or other
    /// code.
    pub(crate) fn serve_interrupted(&self, context: *mut libc::c_void, in_library: bool) {
        // Relaxed, all: this thread only.
        let streak =
            if in_library { self.streak.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
        self.streak.store(streak, Ordering::Relaxed);
        self.in_library.store(streak, Ordering::Relaxed);
        self.context.store(context, Ordering::Relaxed);
        self.serve();
        self.context.store(std::ptr::null_mut(), Ordering::Relaxed);
        self.in_library.store(0, Ordering::Relaxed);
    }

    /// Serves a request, in the handler: in a section, so that sections in `on_stop` do not serve another
    /// one inside of it.
    pub(crate) fn serve(&self) {
        self.section.enter();
        if let Some(target) = self.target() {
            target.serve();
        }
        self.leave();
    }

    /// Ends a critical section and serves a request that it has held off.
    #[inline]
    pub(crate) fn leave(&self) {
        self.section.leave(
            || self.target().is_some_and(Target::is_requested),
            || self.target().map_or((), Target::serve),
        );
    }
}
