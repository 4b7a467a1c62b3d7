//! The observer: one plain thread that reports what goroutines cannot report themselves.
//!
//! It prints the dump that SIGQUIT asks for, and the report of a deadlock. It holds no processor and takes no part in
//! scheduling, so it works while every goroutine is stuck. Started with the first runtime, it sleeps in the kernel for
//! good unless `GMP_SCHEDTRACE` asks for a line every so often, or `GMP_WARN_HOG` for a look at what runs.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp_sched::{Hog, HogWatch};

use crate::dump::collect::Row;
use crate::dump::{collect, print};
use crate::env;
use crate::service;

/// Where the signal handler writes; -1 before there is an observer.
static DOORBELL: AtomicI32 = AtomicI32::new(-1);

/// What the environment asks the observer for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// How often it prints a line about the scheduler.
    pub(crate) schedtrace: Option<Duration>,
    /// How long a goroutine may compute without a call into the runtime before that is reported.
    pub(crate) hog: Option<Duration>,
}

impl Wishes {
    /// # Errors
    ///
    /// A text that names the variable whose value makes no sense.
    pub(crate) fn read() -> Result<Wishes, String> {
        let time = |name| {
            let ms = env::read(name, env::count, "wants a number of milliseconds");
            ms.map(|ms| ms.map(|ms| Duration::from_millis(ms as u64)))
        };
        Ok(Wishes { schedtrace: time("GMP_SCHEDTRACE")?, hog: time("GMP_WARN_HOG")? })
    }
}

/// Looks for hogs in the time that makes one: a report is late by half of that time at most.
const LOOKS: u32 = 4;

/// Starts the observer, once. Does without it if the system refuses: it only watches.
pub(crate) fn start(wishes: Wishes) {
    static STARTED: OnceLock<Option<UnixStream>> = OnceLock::new();
    STARTED.get_or_init(|| {
        let (ours, theirs) = UnixStream::pair().ok()?;
        ours.set_nonblocking(true).ok()?;
        service::start("gmp-observer", move || watch(theirs, wishes)).ok()?;
        // Release: pairs with Acquire in `on_sigquit`.
        DOORBELL.store(ours.as_raw_fd(), Ordering::Release);
        install_sigquit();
        Some(ours)
    });
}

/// The observer's thread.
fn watch(mut bell: UnixStream, wishes: Wishes) {
    let begun = Instant::now();
    let mut hogs = wishes.hog.map(HogWatch::new);
    let mut line = Every::new(wishes.schedtrace);
    let mut look = Every::new(wishes.hog.map(|limit| limit / LOOKS));
    let mut byte = [0];
    loop {
        let next = [line.at, look.at].into_iter().flatten().min();
        let left = next.map(|at| at.saturating_duration_since(Instant::now()));
        // A timeout of zero would be refused.
        if bell.set_read_timeout(left.map(|d| d.max(Duration::from_micros(1)))).is_err() {
            return;
        }
        match bell.read(&mut byte) {
            Ok(1..) => quit(),
            Ok(0) => return,
            Err(e)
                if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(_) => return,
        }
        if line.is_due() {
            trace_scheduler(begun);
        }
        if let Some(hogs) = hogs.as_mut().filter(|_| look.is_due()) {
            hogs.look(&mut report_hog);
        }
    }
}

/// Something that is done every so often, or never.
struct Every {
    pause: Option<Duration>,
    at: Option<Instant>,
}

impl Every {
    fn new(pause: Option<Duration>) -> Every {
        Every { pause, at: pause.map(|pause| Instant::now() + pause) }
    }

    /// Whether its time has come; then it is set to the next one.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = self.pause.map(|pause| now + pause);
        }
        due
    }
}

/// The report of a goroutine that computes for long, as an entry of a dump.
fn report_hog(hog: &Hog<'_>) {
    let row = Row {
        id: hog.id.as_u64(),
        name: String::from_utf8_lossy(hog.name).into_owned(),
        parent: hog.parent.as_u64(),
        since: 0,
        state: "running",
        spawned_at: hog.spawned_at,
        bubble: hog.bubble,
        locked: false,
        asleep: hog.thread.asleep,
        frames: collect::frames_of(hog.thread),
    };
    let computed = hog.computed.as_millis();
    let text = format!(
        "gmp: goroutine {} has computed for {computed} ms without a call into the runtime\n\n{}",
        hog.id,
        print::dump(vec![row], None)
    );
    write(&text);
}

/// One line in the format of Go's `GODEBUG=schedtrace`.
fn trace_scheduler(begun: Instant) {
    let Some(m) = gmp_sched::try_metrics() else { return };
    let list = |items: &mut dyn Iterator<Item = u64>| {
        items.fold(String::new(), |text, n| format!("{text}{n} "))
    };
    let queues = list(&mut m.queues.iter().map(|&n| n as u64));
    let ticks = list(&mut m.ticks.iter().map(|&n| n.into()));
    let line = format!(
        "SCHED {}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning=0 idlethreads={} runqueue={} [ {queues}] schedticks=[ {ticks}]\n",
        begun.elapsed().as_millis(),
        m.queues.len(),
        m.idle_procs,
        m.threads,
        m.searching,
        m.idle_threads,
        m.global_queue,
    );
    write(&line);
}

/// Takes over SIGQUIT, unless the program has: its default is to die silently.
fn install_sigquit() {
    // SAFETY: zeroes are a valid `sigaction`.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks.
    let asked = unsafe { libc::sigaction(libc::SIGQUIT, std::ptr::null(), &mut before) };
    if asked != 0 || before.sa_sigaction != libc::SIG_DFL {
        return;
    }
    // SAFETY: as above.
    let mut ours: libc::sigaction = unsafe { std::mem::zeroed() };
    ours.sa_sigaction = on_sigquit as *const () as usize;
    ours.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler is async-signal-safe. If it cannot be installed, SIGQUIT does what it did.
    unsafe { libc::sigaction(libc::SIGQUIT, &ours, std::ptr::null_mut()) };
}

/// On any thread, at any instruction: rings the bell.
extern "C" fn on_sigquit(_signal: libc::c_int) {
    // Acquire: pairs with Release in `start`.
    let bell = DOORBELL.load(Ordering::Acquire);
    let errno = crate::sys::errno();
    // SAFETY: the calling thread's error number.
    let before = unsafe { *errno };
    // SAFETY: one byte; the descriptor is never closed. If the bell is full it rings already.
    unsafe { libc::write(bell, b"q".as_ptr().cast(), 1) };
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// What SIGQUIT asks for: every goroutine, then the end, with Go's status.
fn quit() {
    let mut text = String::from("SIGQUIT: quit\n\n");
    text.push_str(&print::dump(collect::collect(true), None));
    end_with(&text)
}

/// Reports a deadlock and ends the process. Called by the scheduler, on a thread of its own that has nothing to do.
pub(crate) fn deadlock(what: &'static str) {
    let report = move || {
        let mut text = format!("fatal: {what}\n\n");
        text.push_str(&print::dump(collect::collect(true), None));
        end_with(&text)
    };
    // On a stack of its own: reading debug information needs more than the scheduler's.
    if let Ok(reporter) = thread::Builder::new().name("gmp-report".into()).spawn(report) {
        // It ends the process.
        drop(reporter.join());
    }
}

/// Writes to standard error past std's lock, which a goroutine may hold for ever.
fn write(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the slice is valid for its length.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(n) {
            Ok(n @ 1..) => rest = &rest[n.min(rest.len())..],
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// The end of the process: first what people read, then the flight recorder's file, which may take its time or fail.
fn end_with(text: &str) {
    write(text);
    if let Err(e) = crate::trace::save_last() {
        write(&format!("gmp: GMP_FLIGHT: {e}\n"));
    }
    // SAFETY: ends the process at once, without exit handlers, which may wait for what never comes.
    unsafe { libc::_exit(2) }
}
