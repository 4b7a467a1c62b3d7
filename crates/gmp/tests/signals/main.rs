//! Goroutines that compute are stopped by signals, whatever else the process does with signals: profilers, storms, child
//! processes, threads that block them, debuggers. The hogs' work is right, and system calls of others are left alone.

mod children;
mod debugger;
mod interrupted;
mod masks;
mod others;
mod strace;

#[path = "../util/mod.rs"]
mod util;

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gmp::runtime::{Builder, metrics};

const PROCS: usize = 2;

/// Work between microseconds and a millisecond, in registers and in malloc.
fn work(n: u64) -> u64 {
    let sum = (0..20_000).fold(n | 1, |x, _| (x ^ (x << 13)).rotate_right(7).wrapping_mul(5));
    (0..50).map(|i| vec![n as u8; 1 + (i * 37) % 3_000]).fold(sum, |sum, v| sum + v.len() as u64)
}

/// How many goroutines have been stopped by a signal in this runtime.
fn stops() -> u64 {
    metrics().total.preempted_by_signal
}

/// Runs the runtime that these tests have in common.
fn on<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let slice = Duration::from_millis(2);
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(PROCS).time_slice(slice).run(body) }
}

/// Runs `beside` as the main goroutine, with four goroutines per processor that compute until it has returned and whose
/// sums are checked.
fn with_hogs<T: Send>(beside: impl FnOnce() -> T + Send) -> T {
    let body = || {
        let expected: Arc<Vec<u64>> = Arc::new((0..4).map(work).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..4 * PROCS)
            .map(|_| {
                let (stop, expected) = (stop.clone(), expected.clone());
                gmp::go(move || {
                    for round in (0..expected.len()).cycle() {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        assert_eq!(work(round as u64), expected[round], "round {round}");
                    }
                })
            })
            .collect();
        let value = beside();
        stop.store(true, Ordering::Relaxed);
        hogs.into_iter().for_each(|hog| hog.join().unwrap());
        value
    };
    on(body)
}

/// Sleeps a millisecond until `done`, and until so many goroutines have been stopped.
fn until(stopped: u64, mut done: impl FnMut() -> bool) {
    while stops() < stopped || !done() {
        gmp::time::sleep(Duration::from_millis(1));
    }
}

/// Has `test` run in a child whose handlers and masks are its own, and expects it to succeed.
fn alone(test: &str, body: impl FnOnce()) {
    let out = util::child(test, body);
    assert!(out.status.success(), "{test}: {}", said(&out));
}

fn said(out: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}\n{}", out.status, text(&out.stdout), text(&out.stderr))
}

/// Whether there is such a program, and the tests do not run in an emulator, which it would look at.
fn has(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok();
    there && std::env::var_os("GMP_TEST_RUNNER").is_none()
}

/// No more handler.
fn ignore(signal: libc::c_int) {
    // SAFETY: a valid disposition.
    assert_ne!(unsafe { libc::signal(signal, libc::SIG_IGN) }, libc::SIG_ERR);
}

/// Installs a handler as profilers do: on the signal stack, restarting what it interrupts.
fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: all zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: a valid action whose handler is async-signal-safe.
    assert_eq!(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }, 0);
}
