//! What the tests share: running on a given number of processors.

use gmp_sched::{Config, JoinHandle, Options};

/// Runs `f` as the main goroutine on `procs` processors.
pub(crate) fn on<T>(procs: usize, f: impl FnOnce() -> T + Send) -> T {
    let mut config = Config::default();
    config.procs = procs;
    // SAFETY: the tests keep no thread-local over a park.
    unsafe { gmp_sched::run(config, f) }
}

/// Starts a goroutine.
pub(crate) fn go<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    gmp_sched::spawn(Options::default(), f).expect("a stack")
}
