//! A hundred thousand goroutines: a dump groups them, in seconds, also when they are deadlocked or all processors hogged.
//! Without std's harness, whose main thread would keep a deadlock from being one: each case is a child process.

mod quit_common;

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use gmp::chan;
use quit_common::takes_sigquit;

const CASE: &str = "GMP_TEST_CASE";
const CROWD: usize = 100_000;

#[inline(never)]
fn waits(rx: &chan::Receiver<()>) -> bool {
    let closed = rx.recv().is_err();
    black_box(closed)
}

#[inline(never)]
fn hogs() {
    while black_box(true) {}
}

/// Starts the crowd; returns what keeps it waiting, when all of it waits.
fn crowd() -> chan::Sender<()> {
    let (tx, rx) = chan::bounded::<()>(0);
    (0..CROWD).for_each(|_| {
        let rx = rx.clone();
        gmp::go(move || waits(&rx));
    });
    let waiting = |state: &(&str, usize)| state.0 == "chan receive" && state.1 >= CROWD;
    while !gmp::runtime::metrics().states.iter().any(waiting) {
        gmp::yield_now();
    }
    tx
}

fn deadlock() {
    let _tx = crowd();
    let _ = chan::never::<()>().recv();
}

/// Dumps while two goroutines hog both processors, and ends by a SIGQUIT of its own.
#[expect(clippy::print_stderr, reason = "the parent reads it")]
fn hogged() {
    let _tx = crowd();
    (0..2).for_each(|_| drop(gmp::go(hogs)));
    let begun = Instant::now();
    let mut text = Vec::new();
    gmp::runtime::dump(&mut text).unwrap();
    let took = begun.elapsed();
    eprintln!("dumped in {took:?}");
    assert!(String::from_utf8(text).unwrap().contains("100000 goroutines [chan receive]: "));
    // SAFETY: no preconditions.
    unsafe { libc::raise(libc::SIGQUIT) };
    let _ = chan::never::<()>().recv();
}

fn main() {
    let cases: [(&str, fn(), &str); 2] = [
        ("deadlock", deadlock, "fatal: all goroutines are asleep - deadlock!\n\n"),
        ("hogged", hogged, "SIGQUIT: quit\n\n"),
    ];
    let case = std::env::var(CASE).ok();
    if let Some((_, body, _)) = cases.iter().find(|c| Some(c.0) == case.as_deref()) {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(body) };
    }
    for (name, _, head) in cases {
        let begun = Instant::now();
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new(this);
        let child = takes_sigquit(command.env(CASE, name).env("GOMAXPROCS", "2")).output().unwrap();
        let text = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(2), "{name}: {text}");
        // All of it, starting them included, takes 2 s on two cores in a debug build.
        assert!(begun.elapsed() < Duration::from_secs(120), "{name}: {:?}", begun.elapsed());
        for part in [head, "100000 goroutines [chan receive]: ", "dump_crowd::waits\n"] {
            assert!(text.contains(part), "{name}: no {part:?} in {text}");
        }
        assert_eq!(text.contains("dump_crowd::hogs\n"), name == "hogged", "{name}: {text}");
        assert!(text.len() < 20_000, "{name}: {} bytes are not grouped", text.len());
    }
}
