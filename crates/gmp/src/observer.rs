//! The observer: one plain thread that reports what goroutines cannot report themselves.
//!
//! It prints the dump that SIGQUIT asks for, and the report of a deadlock. It holds no processor and takes no part in
//! scheduling, so it works while every goroutine is stuck. Started with the first runtime, it sleeps in the kernel for
//! good unless `GMP_SCHEDTRACE` asks for a line every so often.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::dump::{collect, print};

/// Where the signal handler writes; -1 before there is an observer.
static DOORBELL: AtomicI32 = AtomicI32::new(-1);

/// Starts the observer, once. Does without it if the system refuses: it only watches.
///
/// `schedtrace` is how often it prints a line about the scheduler.
pub(crate) fn start(schedtrace: Option<Duration>) {
    static STARTED: OnceLock<Option<UnixStream>> = OnceLock::new();
    STARTED.get_or_init(|| {
        let (ours, theirs) = UnixStream::pair().ok()?;
        ours.set_nonblocking(true).ok()?;
        gmp_sched::add_service_thread();
        let started = thread::Builder::new()
            .name("gmp-observer".into())
            .spawn(move || watch(theirs, schedtrace));
        if started.is_err() {
            gmp_sched::remove_service_thread();
            return None;
        }
        // Release: pairs with Acquire in `on_sigquit`.
        DOORBELL.store(ours.as_raw_fd(), Ordering::Release);
        install_sigquit();
        Some(ours)
    });
}

/// The observer's thread.
fn watch(mut bell: UnixStream, schedtrace: Option<Duration>) {
    let begun = Instant::now();
    let mut byte = [0];
    if bell.set_read_timeout(schedtrace).is_err() {
        return;
    }
    loop {
        match bell.read(&mut byte) {
            Ok(1..) => quit(),
            Ok(0) => return,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => trace_scheduler(begun),
            Err(_) => return,
        }
    }
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
    // SAFETY: the calling thread's errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    // SAFETY: one byte; the descriptor is never closed. If the bell is full it rings already.
    unsafe { libc::write(bell, b"q".as_ptr().cast(), 1) };
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// What SIGQUIT asks for: every goroutine, then the end, with Go's status.
fn quit() {
    let mut text = String::from("SIGQUIT: quit\n\n");
    text.push_str(&print::dump(collect::collect(), None));
    write_and_exit(&text)
}

/// Reports a deadlock and ends the process. Called by the scheduler, on a thread of its own that has nothing to do.
pub(crate) fn deadlock(what: &'static str) {
    let report = move || {
        let mut text = format!("fatal: {what}\n\n");
        text.push_str(&print::dump(collect::collect(), None));
        write_and_exit(&text)
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
            _ => return,
        }
    }
}

fn write_and_exit(text: &str) {
    write(text);
    // SAFETY: ends the process at once, without exit handlers, which may wait for what never comes.
    unsafe { libc::_exit(2) }
}
