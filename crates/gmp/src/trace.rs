//! Traces: who ran where and when, and what they waited for, as a file for Perfetto or `chrome://tracing`.
//!
//! Every thread of the runtime notes events into a buffer of its own; a thread of the trace takes them out fifty times a
//! second, brings them into order, and writes them in Chrome's JSON format: one track per P with what it ran, and one
//! per goroutine with when it ran and why it did not. `GMP_TRACE=file` records a whole run.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gmp_sched::{TraceEvent, TraceKind};

/// How often buffers are emptied: they hold a few times what a busy thread notes meanwhile.
const EVERY: Duration = Duration::from_millis(10);
/// An event this much older than the newest is in order: whoever notes one takes less time between the clock and the
/// buffer.
const SETTLED: u64 = 5_000_000;

/// The trace that is recorded, if one is.
static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

struct Recording {
    stop: Sender<()>,
    writer: JoinHandle<io::Result<()>>,
}

/// Starts to record a trace into `out`, until [`stop`]. It may start before the runtime and outlive it. Neither parks nor
/// blocks.
///
/// # Errors
///
/// `AlreadyExists` while another trace is recorded; what the system says when it has no thread.
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
    let mut recording = RECORDING.lock().unwrap_or_else(PoisonError::into_inner);
    if recording.is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a trace is being recorded"));
    }
    let (stop, stopped) = mpsc::channel();
    gmp_sched::add_service_thread();
    let work = move || {
        let mut file = Spans::new(BufWriter::new(out));
        file.begin()?;
        while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            file.take(false)?;
        }
        gmp_sched::set_tracing(false);
        file.take(true)?;
        file.end()
    };
    // What an earlier trace has left behind. Here, not in the thread: what happens after this call is recorded.
    gmp_sched::drain_trace(&mut |_| ());
    gmp_sched::set_tracing(true);
    match thread::Builder::new().name("gmp-trace".into()).spawn(work) {
        Ok(writer) => {
            *recording = Some(Recording { stop, writer });
            Ok(())
        }
        Err(e) => {
            gmp_sched::set_tracing(false);
            gmp_sched::remove_service_thread();
            Err(e)
        }
    }
}

/// Ends the recording and the file; nothing if none goes on. Blocks the thread for some milliseconds, not its processor.
pub fn stop() {
    let recording = RECORDING.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Recording { stop, writer }) = recording else { return };
    // If it has ended already, then with an error.
    drop(stop);
    let result = gmp_sched::blocking(|| writer.join());
    gmp_sched::remove_service_thread();
    let failure = match result {
        Ok(Ok(())) => return,
        Ok(Err(e)) => e.to_string(),
        Err(_) => "its writer panicked".to_owned(),
    };
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "gmp: the trace is incomplete: {failure}");
}

/// A trace that `GMP_TRACE` asks for; ends when it is dropped.
pub(crate) struct FromEnvironment(());

/// Starts it, if the variable is set.
///
/// # Errors
///
/// A text that names the variable.
pub(crate) fn from_environment() -> Result<Option<FromEnvironment>, String> {
    let Some(path) = std::env::var_os("GMP_TRACE") else { return Ok(None) };
    let started = File::create(&path).and_then(start);
    started.map_err(|e| format!("GMP_TRACE={}: {e}", path.to_string_lossy()))?;
    Ok(Some(FromEnvironment(())))
}

impl Drop for FromEnvironment {
    fn drop(&mut self) {
        stop();
    }
}

/// Since when a goroutine does what.
#[derive(Clone, Copy)]
enum Since {
    Runs { at: u64, p: usize, m: usize },
    Waits { at: u64, why: &'static str },
}

/// Turns events into spans.
struct Spans<W: Write> {
    out: W,
    /// Events that may still be preceded by others.
    recent: Vec<TraceEvent>,
    goroutines: HashMap<u64, Since>,
    lost: u64,
    /// The time of the last event.
    last: u64,
}

/// Tracks of processors and of goroutines.
const PROCESSORS: u32 = 1;
const GOROUTINES: u32 = 2;

impl<W: Write> Spans<W> {
    fn new(out: W) -> Spans<W> {
        Spans { out, recent: Vec::new(), goroutines: HashMap::new(), lost: 0, last: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        write!(self.out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        for (pid, name) in [(PROCESSORS, "processors"), (GOROUTINES, "goroutines")] {
            let comma = if pid == PROCESSORS { "" } else { "," };
            write!(
                self.out,
                "{comma}\n{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{pid},\"args\":{{\"name\":\"{name}\"}}}}"
            )?;
        }
        Ok(())
    }

    /// Empties the buffers and writes what is in order, or everything.
    fn take(&mut self, everything: bool) -> io::Result<()> {
        let recent = &mut self.recent;
        self.lost = gmp_sched::drain_trace(&mut |event| recent.push(event));
        recent.sort_by_key(|event| event.at);
        let newest = recent.last().map_or(0, |event| event.at);
        let settled = if everything {
            recent.len()
        } else {
            recent.partition_point(|event| event.at + SETTLED < newest)
        };
        let ready: Vec<TraceEvent> = recent.drain(..settled).collect();
        ready.iter().try_for_each(|event| self.event(event))
    }

    fn event(&mut self, event: &TraceEvent) -> io::Result<()> {
        let (at, g) = (event.at, event.g.as_u64());
        self.last = at;
        match event.kind {
            TraceKind::Start => {
                self.finish(g, at, "")?;
                self.goroutines.insert(g, Since::Runs { at, p: event.p, m: event.m });
            }
            TraceKind::Stop(reason) => {
                self.finish(g, at, reason.as_str())?;
                self.goroutines.insert(g, Since::Waits { at, why: reason.as_str() });
            }
            TraceKind::End => {
                self.finish(g, at, "end")?;
                self.goroutines.remove(&g);
            }
            TraceKind::Ready => {
                // It may run already, noted by another thread in the same nanosecond.
                if let Some(Since::Waits { .. }) = self.goroutines.get(&g) {
                    self.finish(g, at, "")?;
                    self.goroutines.insert(g, Since::Waits { at, why: "runnable" });
                }
            }
            TraceKind::Spawn => {
                self.goroutines.insert(g, Since::Waits { at, why: "runnable" });
            }
            TraceKind::Steal => self.instant("steal", event)?,
            _ => {}
        }
        Ok(())
    }

    /// Writes the span of `g` that ends now, and why.
    fn finish(&mut self, g: u64, at: u64, end: &str) -> io::Result<()> {
        match self.goroutines.get(&g).copied() {
            Some(Since::Runs { at: begun, p, m }) => {
                let args = format!("{{\"g\":{g},\"p\":{p},\"m\":{m},\"end\":\"{end}\"}}");
                self.span(&format!("G{g}"), PROCESSORS, p as u64, begun, at, &args)?;
                self.span("running", GOROUTINES, g, begun, at, &args)
            }
            Some(Since::Waits { at: begun, why }) => self.span(why, GOROUTINES, g, begun, at, "{}"),
            None => Ok(()),
        }
    }

    fn span(
        &mut self,
        name: &str,
        pid: u32,
        tid: u64,
        begun: u64,
        ended: u64,
        args: &str,
    ) -> io::Result<()> {
        let (ts, dur) = (micros(begun), micros(ended.saturating_sub(begun)));
        write!(
            self.out,
            ",\n{{\"ph\":\"X\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"args\":{args}}}"
        )
    }

    fn instant(&mut self, name: &str, event: &TraceEvent) -> io::Result<()> {
        let (ts, tid, g) = (micros(event.at), event.p, event.g);
        write!(
            self.out,
            ",\n{{\"ph\":\"i\",\"s\":\"t\",\"name\":\"{name}\",\"pid\":{PROCESSORS},\"tid\":{tid},\"ts\":{ts},\"args\":{{\"g\":{g}}}}}"
        )
    }

    /// Ends what still goes on, and the file.
    fn end(&mut self) -> io::Result<()> {
        let mut left: Vec<u64> = self.goroutines.keys().copied().collect();
        left.sort_unstable();
        let last = self.last;
        left.into_iter().try_for_each(|g| self.finish(g, last, "trace ended"))?;
        write!(self.out, "\n],\"otherData\":{{\"lost\":{}}}}}\n", self.lost)?;
        self.out.flush()
    }
}

/// Microseconds, exactly: Chrome's unit.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}
