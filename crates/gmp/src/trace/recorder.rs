//! The thread that empties the buffers, and for whom: a file that is written, a window that is kept, or both.
//!
//! There are two locks, taken in this order: the file's, under which the user's code writes and may take its time, and the
//! recorder's, under which nothing of the user's runs. So a window can be had whatever becomes of a file.

use std::io::{self, BufWriter, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gmp_sched::{Drained, TraceEvent};

use super::flight::Window;
use super::spans::Spans;
use crate::service;

/// How often buffers are emptied: they hold a few times what a busy thread notes meanwhile.
const EVERY: Duration = Duration::from_millis(10);
/// An event that was this old when the buffers were emptied is in order, in nanoseconds: whoever notes one takes less time
/// between the clock and the buffer.
const SETTLED: u64 = 5_000_000;

/// What a file is written to.
pub(super) type Out = Box<dyn Write + Send>;

/// A file that is written.
struct File {
    spans: Spans<BufWriter<Out>>,
    /// What went wrong with it.
    failed: Option<io::Error>,
}

static FILE: Mutex<Option<File>> = Mutex::new(None);

/// What is recorded, and for whom.
struct Recorder {
    /// Events that may still be preceded by others.
    recent: Vec<TraceEvent>,
    /// There is a file, which began like this.
    file: Option<Drained>,
    /// What it is to get next, in order.
    for_file: Vec<TraceEvent>,
    /// With the number of events that were lost before it began.
    window: Option<(Window, u64)>,
    /// Its thread runs.
    runs: bool,
}

static RECORDER: Mutex<Recorder> = Mutex::new(Recorder {
    recent: Vec::new(),
    file: None,
    for_file: Vec::new(),
    window: None,
    runs: false,
});

/// Rung when nothing is to be recorded any more.
static OVER: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Recorder> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file() -> MutexGuard<'static, Option<File>> {
    FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exists(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, what)
}

/// Begins a file.
pub(super) fn start_file(out: Out) -> io::Result<()> {
    // Before the locks, so that it is dropped without them where that happens here.
    let mut spans = Spans::new(BufWriter::new(out));
    let mut file = file();
    if file.is_some() {
        return Err(exists("a trace is being recorded"));
    }
    spans.begin()?;
    let mut recorder = lock();
    recorder.begin()?;
    // What a window has been told and lost so far is not the file's.
    recorder.file = Some(recorder.take());
    *file = Some(File { spans, failed: None });
    Ok(())
}

/// Ends the file.
///
/// # Errors
///
/// What went wrong since it began.
pub(super) fn stop_file() -> io::Result<()> {
    let mut file = file();
    let Some(File { mut spans, failed }) = file.take() else { return Ok(()) };
    let (rest, lost) = lock().end_file();
    drop(file);
    if let Some(e) = failed {
        return Err(e);
    }
    rest.iter().try_for_each(|event| spans.event(event))?;
    spans.end(lost)
}

/// Begins a window.
pub(super) fn start_window(window: Window) -> io::Result<()> {
    let mut recorder = lock();
    if recorder.window.is_some() {
        return Err(exists("a flight recorder is running"));
    }
    recorder.begin()?;
    let lost = recorder.take().lost;
    recorder.window = Some((window, lost));
    Ok(())
}

/// Ends it.
pub(super) fn stop_window() {
    let mut recorder = lock();
    recorder.window = None;
    recorder.rest();
}

/// Whether there is one.
pub(super) fn has_window() -> bool {
    lock().window.is_some()
}

/// What is in the window now, in order, and how many events were lost.
pub(super) fn window() -> (Vec<TraceEvent>, u64) {
    let mut recorder = lock();
    let lost = recorder.take().lost;
    let Some((window, before)) = &recorder.window else { return (Vec::new(), 0) };
    let mut events: Vec<TraceEvent> = window.events().copied().collect();
    events.extend(recorder.recent.iter().filter(|event| window.keeps(event)));
    (events, lost - before)
}

impl Recorder {
    /// Whether anybody wants anything recorded.
    fn is_wanted(&self) -> bool {
        self.file.is_some() || self.window.is_some()
    }

    /// Has events noted, and the thread run.
    fn begin(&mut self) -> io::Result<()> {
        if self.is_wanted() {
            return Ok(());
        }
        // What an earlier trace has left behind. Here, not in the thread: what happens after this call is recorded.
        gmp_sched::drain_trace(&mut |_| ());
        self.recent.clear();
        if !self.runs {
            service::start("gmp-trace", run)?;
            self.runs = true;
        }
        gmp_sched::set_tracing(true);
        Ok(())
    }

    /// Lets the thread end if nobody wants anything recorded any more.
    fn rest(&mut self) {
        if !self.is_wanted() {
            gmp_sched::set_tracing(false);
            OVER.notify_all();
        }
    }

    /// The file gets no more: what it is still to get, and how many events were lost while there was one.
    fn end_file(&mut self) -> (Vec<TraceEvent>, u64) {
        if self.window.is_none() {
            gmp_sched::set_tracing(false);
        }
        let end = self.take();
        let mut events = mem::take(&mut self.for_file);
        let begin = self.file.take().unwrap_or(end);
        // A window gets these when they are in order.
        events.extend(self.recent.iter().filter(|event| event.at >= begin.at));
        self.rest();
        (events, end.lost - begin.lost)
    }

    /// Empties the buffers and passes on what is in order.
    fn take(&mut self) -> Drained {
        let recent = &mut self.recent;
        let drained = gmp_sched::drain_trace(&mut |event| recent.push(event));
        recent.sort_by_key(|event| event.at);
        let settled = recent.partition_point(|event| event.at + SETTLED < drained.at);
        for event in recent.drain(..settled) {
            if self.file.is_some_and(|begin| event.at >= begin.at) {
                self.for_file.push(event);
            }
            if let Some((window, _)) = &mut self.window {
                window.push(event);
            }
        }
        drained
    }
}

/// Writes what the file is to get. A panic of the user's code is an error of the file, and not the thread's end.
fn write() {
    let mut file = file();
    let Some(File { spans, failed }) = &mut *file else { return };
    let events = mem::take(&mut lock().for_file);
    if failed.is_none() {
        let write = || events.iter().try_for_each(|event| spans.event(event));
        *failed = match panic::catch_unwind(AssertUnwindSafe(write)) {
            Ok(written) => written.err(),
            Err(_) => Some(io::Error::other("its writer has panicked")),
        };
    }
}

/// The thread.
fn run() {
    let mut recorder = lock();
    while recorder.is_wanted() {
        recorder.take();
        if !recorder.for_file.is_empty() {
            drop(recorder);
            write();
            recorder = lock();
        }
        let waited = OVER.wait_timeout_while(recorder, EVERY, |recorder| recorder.is_wanted());
        recorder = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    recorder.runs = false;
}
