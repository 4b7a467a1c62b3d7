//! What the behaviour tests share: child processes, hogs that can be stopped, waiting with a deadline.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs::File,
    io,
    os::fd::FromRawFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use gmp_preempt::{OnStop, Target};

/// Longer than anything here takes on a loaded machine; only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs `body` in a process of its own: `name` is the calling test's. Signal handlers and crashes of one
/// test do not reach the others.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) {
    const MARK: &str = "GMP_PREEMPT_CHILD";
    if std::env::var(MARK).is_ok_and(|value| value == name) {
        return body();
    }
    let program = std::env::current_exe().expect("the test's own program");
    let child = Command::new(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start of the child");
    let output = child.wait_with_output().expect("end of the child");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "child {name}: {}\n{text}\n{errors}", output.status);
    assert!(text.contains("1 passed"), "the child ran something else than {name}:\n{text}");
}

/// Waits for a condition; panics after a minute.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "gave up waiting for: {what}");
        thread::yield_now();
    }
}

/// A pipe: what reads, what writes. (std's own is younger than the oldest compiler we support.)
pub(crate) fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0, "{}", io::Error::last_os_error());
    // SAFETY: open, and nobody else's.
    ends.map(|end| unsafe { File::from_raw_fd(end) }).into()
}

/// An `OnStop` that always stops.
pub(crate) unsafe fn always(_: *const ()) -> bool {
    true
}

/// A thread that repeats `work` until told to end.
pub(crate) struct Hog {
    pub(crate) target: Arc<Target>,
    pub(crate) rounds: Arc<AtomicU64>,
    quit: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Hog {
    /// A hog that can be stopped anywhere in `work`, which gets the round's number.
    pub(crate) fn start(work: impl FnMut(u64) + Send + 'static) -> Hog {
        Hog::with(always, work)
    }

    /// As [`start`](Hog::start), with an `OnStop` that is async-signal-safe and ignores its argument.
    pub(crate) fn with(on_stop: OnStop, mut work: impl FnMut(u64) + Send + 'static) -> Hog {
        let (quit, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (sender, receiver) = mpsc::channel();
        let thread = {
            let (quit, rounds) = (Arc::clone(&quit), Arc::clone(&rounds));
            thread::spawn(move || {
                // SAFETY: the caller's promise.
                let target = unsafe { Target::attach(on_stop, std::ptr::null()) }.expect("attach");
                sender.send(Arc::clone(&target)).expect("the test waits for this");
                while !quit.load(Ordering::Relaxed) {
                    work(rounds.load(Ordering::Relaxed));
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                target.detach();
            })
        };
        let target = receiver.recv().expect("the hog has attached");
        Hog { target, rounds, quit, thread: Some(thread) }
    }

    /// Stops it and returns once it has stopped.
    pub(crate) fn stop(&self) {
        self.target.request().expect("request");
        wait_for("the hog to stop", || self.target.is_stopped());
    }

    /// `count` times: stops it, checks that it stands still, lets it go on and waits for some progress.
    pub(crate) fn stop_and_go(&self, count: usize) {
        for _ in 0..count {
            self.stop();
            wait_for("its clock to stand still", || {
                let cpu = self.target.cpu_time().expect("clock");
                cpu == self.target.cpu_time().expect("clock")
            });
            let cpu = self.target.cpu_time().expect("clock");
            self.target.resume();
            wait_for("the hog to go on", || self.target.cpu_time().expect("clock") > cpu);
        }
    }

    /// Ends it; panics if it has.
    pub(crate) fn finish(mut self) -> u64 {
        self.quit.store(true, Ordering::Relaxed);
        self.thread.take().expect("once").join().expect("the hog has panicked");
        self.rounds.load(Ordering::Relaxed)
    }
}
