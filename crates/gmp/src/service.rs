//! Service threads: plain threads of the runtime that never end a wait of a goroutine.

use std::io;
use std::thread;

/// Starts a thread that does not keep a deadlock from being one, however it ends.
///
/// # Errors
///
/// What the system says when it has no thread.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let work = move || {
        let _counted = Counted::here();
        work();
    };
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

/// The calling thread is counted as one.
struct Counted(());

impl Counted {
    fn here() -> Counted {
        gmp_sched::add_service_thread();
        Counted(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gmp_sched::remove_service_thread();
    }
}
