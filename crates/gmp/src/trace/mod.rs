//! Traces: who ran where and when, and what they waited for, as a file for Perfetto or `chrome://tracing`.
//!
//! Every thread of the runtime notes events into a buffer of its own; a thread of the trace takes them out a hundred times a
//! second, brings them into order, and writes them in Chrome's JSON format: one track per P with what it ran, one per M
//! likewise, and one per goroutine with when it ran and why it did not. `GMP_TRACE=file` records a whole run;
//! `GMP_FLIGHT=file` keeps the last ten seconds and writes them when a goroutine panics, at a deadlock, and at SIGQUIT.
//! A [`FlightRecorder`] does so on demand.

mod flight;
mod recorder;
mod spans;

use std::fs::File;
use std::io::{self, Write};

pub use flight::FlightRecorder;
pub(crate) use flight::{kept, save, save_last};

/// Starts to record a trace into `out`, until [`stop`]. It may start before the runtime and outlive it. Blocks the thread for
/// a moment, not its processor; while another trace writes, as long as that takes.
///
/// A thread of the trace writes to `out`, and [`stop`] the rest; `out` must not start or stop a trace itself. If it panics in
/// that thread it gets nothing more, and `stop` says so.
///
/// # Errors
///
/// `AlreadyExists` while another trace is recorded; what the system says when it has no thread, or `out` at once.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("gmp-trace-{}.json", std::process::id()));
/// # unsafe { gmp::run(|| {
/// gmp::trace::start(std::fs::File::create(&path)?)?;
/// gmp::go(|| ()).join().unwrap();
/// gmp::trace::stop();
/// # std::io::Result::Ok(())
/// # }) }?;
/// assert!(std::fs::read_to_string(&path)?.contains("traceEvents"));
/// # std::fs::remove_file(&path)
/// # }
/// ```
pub fn start(out: impl Write + Send + 'static) -> io::Result<()> {
    gmp_sched::blocking(|| recorder::start_file(Box::new(out)))
}

/// Ends the recording and the file; nothing if none goes on. Blocks the thread for some milliseconds, not its processor.
pub fn stop() {
    if let Err(e) = gmp_sched::blocking(recorder::stop_file) {
        // If stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "gmp: the trace is incomplete: {e}");
    }
}

/// What the environment asks for; ends when it is dropped.
pub(crate) struct FromEnvironment {
    file: bool,
    _flight: Option<FlightRecorder>,
}

/// Starts it, if a variable is set.
///
/// # Errors
///
/// A text that names the variable.
pub(crate) fn from_environment() -> Result<FromEnvironment, String> {
    let failed = |name: &str, value: &std::ffi::OsStr, e: io::Error| {
        format!("{name}={}: {e}", value.to_string_lossy())
    };
    let path = std::env::var_os("GMP_TRACE");
    if let Some(path) = &path {
        File::create(path).and_then(start).map_err(|e| failed("GMP_TRACE", path, e))?;
    }
    let flight = match std::env::var_os("GMP_FLIGHT") {
        Some(path) => Some(flight::for_the_end(&path).map_err(|e| failed("GMP_FLIGHT", &path, e))?),
        None => None,
    };
    Ok(FromEnvironment { file: path.is_some(), _flight: flight })
}

impl Drop for FromEnvironment {
    fn drop(&mut self) {
        if self.file {
            stop();
        }
    }
}
