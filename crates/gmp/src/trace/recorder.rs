//! The thread that empties the buffers, and for whom: a file that is written, a window that is kept, or both.

use std::io::{self, BufWriter, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gmp_sched::TraceEvent;

use super::flight::Window;
use super::spans::Spans;

/// How often buffers are emptied: they hold a few times what a busy thread notes meanwhile.
const EVERY: Duration = Duration::from_millis(10);
/// An event this much older than the newest is in order: whoever notes one takes less time between the clock and the
/// buffer.
const SETTLED: u64 = 5_000_000;

/// What a file is written to.
pub(super) type Out = Box<dyn Write + Send>;

/// What is recorded, and for whom.
struct Recorder {
    /// Events that may still be preceded by others.
    recent: Vec<TraceEvent>,
    lost: u64,
    file: Option<Spans<BufWriter<Out>>>,
    /// What went wrong with the file.
    failed: Option<io::Error>,
    window: Option<Window>,
    /// Its thread runs.
    runs: bool,
}

static RECORDER: Mutex<Recorder> = Mutex::new(Recorder {
    recent: Vec::new(),
    lost: 0,
    file: None,
    failed: None,
    window: None,
    runs: false,
});

/// Rung when nothing is to be recorded any more.
static OVER: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Recorder> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exists(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, what)
}

/// Begins a file.
pub(super) fn start_file(out: Out) -> io::Result<()> {
    let mut recorder = lock();
    if recorder.file.is_some() {
        return Err(exists("a trace is being recorded"));
    }
    let mut file = Spans::new(BufWriter::new(out));
    file.begin()?;
    recorder.begin()?;
    (recorder.file, recorder.failed) = (Some(file), None);
    Ok(())
}

/// Ends the file.
///
/// # Errors
///
/// What went wrong since it began.
pub(super) fn stop_file() -> io::Result<()> {
    let mut recorder = lock();
    if recorder.file.is_none() {
        return Ok(());
    }
    if recorder.window.is_none() {
        gmp_sched::set_tracing(false);
    }
    recorder.take(true);
    let lost = recorder.lost;
    let ended = recorder.file.take().map_or(Ok(()), |mut file| file.end(lost));
    recorder.rest();
    recorder.failed.take().map_or(ended, Err)
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
    recorder.take(false);
    let Some(window) = &recorder.window else { return (Vec::new(), 0) };
    let mut events: Vec<TraceEvent> = window.events().copied().collect();
    events.extend(recorder.recent.iter().filter(|event| window.keeps(event)));
    (events, recorder.lost)
}

impl Recorder {
    /// Has events noted, and the thread run.
    fn begin(&mut self) -> io::Result<()> {
        if self.file.is_some() || self.window.is_some() {
            return Ok(());
        }
        // What an earlier trace has left behind. Here, not in the thread: what happens after this call is recorded.
        gmp_sched::drain_trace(&mut |_| ());
        self.recent.clear();
        if !self.runs {
            gmp_sched::add_service_thread();
            let started = thread::Builder::new().name("gmp-trace".into()).spawn(run);
            if let Err(e) = started {
                gmp_sched::remove_service_thread();
                return Err(e);
            }
            self.runs = true;
        }
        gmp_sched::set_tracing(true);
        Ok(())
    }

    /// Lets the thread end if nobody wants anything recorded any more.
    fn rest(&mut self) {
        if self.file.is_none() && self.window.is_none() {
            gmp_sched::set_tracing(false);
            OVER.notify_all();
        }
    }

    /// Empties the buffers and passes on what is in order, or everything.
    fn take(&mut self, everything: bool) {
        let recent = &mut self.recent;
        self.lost = gmp_sched::drain_trace(&mut |event| recent.push(event));
        recent.sort_by_key(|event| event.at);
        let newest = recent.last().map_or(0, |event| event.at);
        let settled = if everything {
            recent.len()
        } else {
            recent.partition_point(|event| event.at + SETTLED < newest)
        };
        for event in recent.drain(..settled) {
            if let (Some(file), None) = (&mut self.file, &self.failed) {
                self.failed = file.event(&event).err();
            }
            if let Some(window) = &mut self.window {
                window.push(event);
            }
        }
    }
}

/// The thread.
fn run() {
    let mut recorder = lock();
    while recorder.file.is_some() || recorder.window.is_some() {
        recorder.take(false);
        let waited = OVER.wait_timeout(recorder, EVERY);
        recorder = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    recorder.runs = false;
    drop(recorder);
    gmp_sched::remove_service_thread();
}
