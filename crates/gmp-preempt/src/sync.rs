//! The concurrency primitives of the crate's protocols: std's, or loom's under `--cfg loom`.
//!
//! The protocols (`word.rs`, `critical.rs`) take everything from here, so the text that loom explores is
//! the text that runs. What loom cannot run (statics, thread-locals, system calls) takes [`plain`].
//! [`mutant`] names the steps that the gates switch off one at a time: each model must then fail.
//! For the protocols of this crate and their tests only.

pub(crate) use imp::*;

/// Whether this build is for loom, which has no kernel.
pub(crate) const MODEL: bool = cfg!(loom);

/// std's own types, for statics, thread-locals and what has only one thread.
pub(crate) mod plain {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        compiler_fence,
    };
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock};
}

/// Whether the step called `name` is to be broken: never, but in a build for models whose run was asked to, by
/// `GMP_MUTANT=name`.
#[inline(always)]
pub(crate) fn mutant(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    cfg!(loom) && ASKED.get_or_init(|| std::env::var("GMP_MUTANT").ok()).as_deref() == Some(name)
}

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};

    use crate::sys;

    /// A word that threads sleep on. Waiting and waking are async-signal-safe.
    #[derive(Debug, Default)]
    pub(crate) struct Futex(pub(crate) AtomicU32);

    impl Futex {
        /// Sleeps while the word is `expected`, until [`wake`](Futex::wake). May return for no reason.
        pub(crate) fn wait(&self, expected: u32) {
            sys::futex_wait(&self.0, expected, None);
        }

        /// Wakes every sleeper.
        pub(crate) fn wake(&self) {
            sys::futex_wake(&self.0);
        }
    }

    /// A place where a signal may arrive. Real signals need no help.
    #[inline(always)]
    pub(crate) fn signal_point() {}

    /// Runs a model's body: plain threads, often enough to meet other interleavings.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Send + Sync + 'static) {
        for _ in 0..300 {
            body();
        }
    }
    /// Where models name their handler; here they call it themselves once more at the end.
    #[cfg(test)]
    pub(crate) fn on_signal(_handler: impl Fn() + 'static) {}

    #[cfg(test)]
    pub(crate) use std::{sync::Arc, sync::atomic::AtomicBool, thread};
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering, fence};

    /// A word that threads sleep on: the kernel's futex, whose compare and enqueue are one step
    /// against a wake-up. Wake-ups are never invented, so a lost one is a deadlock that loom reports.
    #[derive(Debug, Default)]
    pub(crate) struct Futex(pub(crate) AtomicU32, loom::sync::Mutex<()>, loom::sync::Condvar);

    impl Futex {
        pub(crate) fn wait(&self, expected: u32) {
            let bucket = self.1.lock().unwrap();
            if self.0.load(Ordering::Relaxed) == expected {
                drop(self.2.wait(bucket).unwrap());
            }
        }

        pub(crate) fn wake(&self) {
            let _bucket = self.1.lock().unwrap();
            self.2.notify_all();
        }
    }

    /// A place where a signal may arrive: runs the model's handler if one is pending.
    pub(crate) fn signal_point() {
        #[cfg(test)]
        signals::deliver();
    }

    /// Runs a model's body through every interleaving with up to three switches that no thread asked for
    /// (`LOOM_MAX_PREEMPTIONS` overrides). Every known error of these protocols needs at most two.
    #[cfg(test)]
    pub(crate) fn model(body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound.get_or_insert(3);
        builder.check(body);
    }

    #[cfg(test)]
    pub(crate) use loom::{sync::Arc, sync::atomic::AtomicBool, thread};
    #[cfg(test)]
    pub(crate) use signals::on_signal;
    /// Signals for models: a handler per thread, run by the thread itself at its signal points.
    #[cfg(test)]
    mod signals {
        use std::{cell::Cell, rc::Rc};

        type Handler = Rc<dyn Fn()>;

        loom::thread_local! {
            static HANDLER: Cell<Option<Handler>> = Cell::new(None);
        }

        /// Makes `handler` what the calling thread runs at each of its signal points.
        pub(crate) fn on_signal(handler: impl Fn() + 'static) {
            HANDLER.with(|slot| slot.set(Some(Rc::new(handler))));
        }

        /// The handler is taken out while it runs: the signal is blocked in its own handler.
        pub(super) fn deliver() {
            let Some(handler) = HANDLER.with(Cell::take) else { return };
            handler();
            HANDLER.with(|slot| slot.set(Some(handler)));
        }
    }
}
