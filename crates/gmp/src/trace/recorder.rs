//! The thread that empties the buffers, and for whom: a file that is written, a window that is kept, or both.
//!
//! There are two locks, taken in this order: the file's, under which the user's code writes and may take its time, and the
//! recorder's, under which nothing of the user's runs. So a window can be had whatever becomes of a file.

use std::io::{self, BufWriter, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gmp_sched::TraceEvent;

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
    /// Events that were lost since it began, and by then.
    lost: u64,
    lost_before: u64,
    /// There is a file.
    file: bool,
    /// What it is to get next, in order.
    for_file: Vec<TraceEvent>,
    window: Option<Window>,
    /// Its thread runs.
    runs: bool,
}

static RECORDER: Mutex<Recorder> = Mutex::new(Recorder {
    recent: Vec::new(),
    lost: 0,
    lost_before: 0,
    file: false,
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
    recorder.file = true;
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
    recorder.window = Some(window);
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
    recorder.take();
    let Some(window) = &recorder.window else { return (Vec::new(), 0) };
    let mut events: Vec<TraceEvent> = window.events().copied().collect();
    events.extend(recorder.recent.iter().filter(|event| window.keeps(event)));
    (events, recorder.lost)
}

impl Recorder {
    /// Whether anybody wants anything recorded.
    fn is_wanted(&self) -> bool {
        self.file || self.window.is_some()
    }

    /// Has events noted, and the thread run.
    fn begin(&mut self) -> io::Result<()> {
        if self.is_wanted() {
            return Ok(());
        }
        // What an earlier trace has left behind. Here, not in the thread: what happens after this call is recorded.
        self.lost_before = gmp_sched::drain_trace(&mut |_| ()).lost;
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

    /// The file gets no more: what it is still to get, and how many events were lost.
    fn end_file(&mut self) -> (Vec<TraceEvent>, u64) {
        if self.window.is_none() {
            gmp_sched::set_tracing(false);
        }
        self.take();
        let mut events = mem::take(&mut self.for_file);
        // A window gets these when they are in order.
        events.extend_from_slice(&self.recent);
        self.file = false;
        self.rest();
        (events, self.lost)
    }

    /// Empties the buffers and passes on what is in order.
    fn take(&mut self) {
        let recent = &mut self.recent;
        let drained = gmp_sched::drain_trace(&mut |event| recent.push(event));
        self.lost = drained.lost - self.lost_before;
        recent.sort_by_key(|event| event.at);
        let settled = recent.partition_point(|event| event.at + SETTLED < drained.at);
        for event in recent.drain(..settled) {
            if self.file {
                self.for_file.push(event);
            }
            if let Some(window) = &mut self.window {
                window.push(event);
            }
        }
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
