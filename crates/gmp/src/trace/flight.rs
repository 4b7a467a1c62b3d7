//! The flight recorder: the last seconds of a run, for when something has gone wrong.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use gmp_sched::TraceEvent;

use super::recorder;
use super::spans::Spans;
use crate::service;

/// What `GMP_FLIGHT` keeps.
const KEPT: Duration = Duration::from_secs(10);
/// Events that a window holds at most, 40 bytes each: ten seconds of a hundred thousand a second.
const MOST: usize = 1 << 20;

/// Keeps what happened in the last seconds, until it is dropped; [`write_to`](FlightRecorder::write_to) makes a trace of
/// it. Costs what a trace costs, and 40 bytes an event, up to a million of them. Beside it a trace may be recorded.
///
/// ```
/// use std::time::Duration;
///
/// # unsafe { gmp::run(|| {
/// let recorder = gmp::trace::FlightRecorder::start(Duration::from_secs(5))?;
/// gmp::go(|| ()).join().unwrap();
/// let mut file = Vec::new();
/// recorder.write_to(&mut file)?;
/// # assert!(String::from_utf8(file).unwrap().contains("traceEvents"));
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct FlightRecorder(());

impl FlightRecorder {
    /// Starts it. `keep` is how long an event is kept. Blocks the thread for a moment, not its processor.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when there is one; what the system says when it has no thread.
    pub fn start(keep: Duration) -> io::Result<FlightRecorder> {
        gmp_sched::blocking(|| recorder::start_window(Window::new(keep)))?;
        Ok(FlightRecorder(()))
    }

    /// Writes what it has kept as a trace; it goes on. Blocks the thread, not its processor.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn write_to(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        gmp_sched::blocking(|| write(out))
    }
}

impl Drop for FlightRecorder {
    fn drop(&mut self) {
        gmp_sched::blocking(recorder::stop_window);
    }
}

fn write(out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let (events, lost) = recorder::window();
    let mut spans = Spans::new(BufWriter::new(out));
    spans.begin()?;
    events.iter().try_for_each(|event| spans.event(event))?;
    spans.end(lost)
}

/// The events that are kept.
pub(super) struct Window {
    keep: u64,
    events: VecDeque<TraceEvent>,
}

impl Window {
    fn new(keep: Duration) -> Window {
        let keep = u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX);
        Window { keep, events: VecDeque::new() }
    }

    /// Adds one, newer than all others, and drops what is too old.
    pub(super) fn push(&mut self, event: TraceEvent) {
        self.events.push_back(event);
        let oldest = event.at.saturating_sub(self.keep);
        while self.events.len() > MOST || self.events.front().is_some_and(|e| e.at < oldest) {
            self.events.pop_front();
        }
    }

    /// What it holds, oldest first.
    pub(super) fn events(&self) -> impl Iterator<Item = &TraceEvent> {
        self.events.iter()
    }

    /// Whether an event that is about to come in would stay.
    pub(super) fn keeps(&self, event: &TraceEvent) -> bool {
        self.events.back().is_none_or(|last| event.at >= last.at.saturating_sub(self.keep))
    }
}

/// What [`save`] knows. Locked for moments only.
struct AtTheEnd {
    path: Option<PathBuf>,
    /// Who writes there.
    writer: Option<ThreadId>,
}

static AT_THE_END: Mutex<AtTheEnd> = Mutex::new(AtTheEnd { path: None, writer: None });
/// Rung when nobody writes there any more.
static WRITTEN: Condvar = Condvar::new();
/// How long one waits for somebody else who writes: what is written to may be stuck.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many seconds the end of the process waits for [`save`] to go on, which may wait for somebody else first.
const LAST_PATIENCE: u64 = PATIENCE.as_secs() + 1;
/// How often [`save`] has gone on: begun to write, or written a piece.
static PIECES: AtomicUsize = AtomicUsize::new(0);

/// A recorder whose content [`save`] writes to `path`.
pub(super) fn for_the_end(path: &OsStr) -> io::Result<FlightRecorder> {
    // Now, so that a path that cannot be written is an error at the start. What an earlier run has left there stays until
    // this one has something to tell.
    drop(OpenOptions::new().write(true).create(true).truncate(false).open(path)?);
    let recorder = FlightRecorder::start(KEPT)?;
    at_the_end().path = Some(PathBuf::from(path));
    Ok(recorder)
}

fn at_the_end() -> MutexGuard<'static, AtTheEnd> {
    AT_THE_END.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to write there, until it is dropped.
struct Writing(PathBuf);

impl Writing {
    /// Waits until nobody else writes; none if there is no path, this thread writes already, or the other one is stuck.
    fn begin() -> Option<Writing> {
        let this = thread::current().id();
        let mut end = at_the_end();
        let path = end.path.clone()?;
        if end.writer == Some(this) {
            // It has panicked while it wrote.
            return None;
        }
        while end.writer.is_some() {
            // Relaxed, here and below: only compared with itself.
            let before = PIECES.load(Ordering::Relaxed);
            let waited = WRITTEN.wait_timeout_while(end, PATIENCE, |end| end.writer.is_some());
            end = waited.unwrap_or_else(PoisonError::into_inner).0;
            if end.writer.is_some() && PIECES.load(Ordering::Relaxed) == before {
                return None;
            }
        }
        end.writer = Some(this);
        Some(Writing(path))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        at_the_end().writer = None;
        WRITTEN.notify_one();
    }
}

/// Something has gone wrong: writes what is known to the file of `GMP_FLIGHT`, if that is set. Blocks the thread while
/// somebody else writes, until that one gets no further for five seconds: of two panics at once the later one's file stays, if the
/// first one's is finished by then. Then as long as the file takes, for ever if that is a pipe that nobody reads.
pub(crate) fn save() {
    let Some(Writing(path)) = &Writing::begin() else { return };
    goes_on();
    if let Err(e) = File::create(path).and_then(|file| write(&mut Pieces(file))) {
        // If stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "gmp: GMP_FLIGHT={}: {e}", path.display());
    }
}

/// [`save`] before the process ends, which it does not keep: when it gets no further for six seconds it is left alone, on a
/// thread of its own. Blocks the thread. `Ok` also when somebody else writes, and gets no further.
///
/// # Errors
///
/// `TimedOut` when it is left alone; what the system says when it has no thread, without which nothing is written.
pub(crate) fn save_last() -> io::Result<()> {
    if at_the_end().path.is_none() {
        return Ok(());
    }
    let (done, ended) = mpsc::channel::<()>();
    let work = move || {
        // Dropped behind it, even if it panics.
        let _done = done;
        save();
    };
    service::start("gmp-flight", work)?;
    let mut before = 0;
    let mut waited = 0;
    while waited < LAST_PATIENCE {
        if ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
        // Relaxed: only compared with itself.
        let pieces = PIECES.load(Ordering::Relaxed);
        waited = if pieces == before { waited + 1 } else { 0 };
        before = pieces;
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "it takes no more"))
}

/// Counts what `save` writes.
struct Pieces(File);

impl Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let n = self.0.write(piece)?;
        goes_on();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn goes_on() {
    PIECES.fetch_add(1, Ordering::Relaxed); // Relaxed: only compared with itself.
}

/// What the flight recorder has kept, as a trace; empty if none runs. Blocks the thread.
pub(crate) fn kept() -> io::Result<String> {
    if !recorder::has_window() {
        return Ok(String::new());
    }
    let mut out = Vec::new();
    write(&mut out)?;
    String::from_utf8(out).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens after a panic while it writes.
    #[test]
    fn who_writes_does_not_wait_for_itself() {
        at_the_end().path = Some(PathBuf::from("/dev/null"));
        let writing = Writing::begin();
        let begun = std::time::Instant::now();
        assert!(writing.is_some() && Writing::begin().is_none());
        assert!(begun.elapsed() < PATIENCE, "it has waited");
        drop(writing);
        assert!(thread::spawn(|| Writing::begin().is_some()).join().unwrap());
        at_the_end().path = None;
    }
}
