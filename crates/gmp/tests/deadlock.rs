//! A deadlock ends the process with a dump and status 2. Without std's harness, whose main thread could, for all the
//! runtime knows, still end the waits: each case is a child process of this program.

use std::process::Command;

const CASE: &str = "GMP_TEST_CASE";

/// What a child does, and what its standard error must contain.
struct Case {
    name: &'static str,
    body: fn(),
    expected: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "everybody waits",
        body: || {
            let (tx, rx) = gmp::chan::bounded::<()>(0);
            let never = gmp::chan::never::<()>();
            gmp::go(move || gmp::select! { recv(rx) -> _ => {}, recv(never) -> _ => {} });
            let (_held, empty) = gmp::chan::bounded::<()>(0);
            let _ = empty.recv();
            drop(tx);
        },
        expected: &[
            "fatal: all goroutines are asleep - deadlock!\n\ngoroutine 1 main [chan receive]:\n",
            "[select]:\n",
            "tests/deadlock.rs:",
            "created by goroutine 1 at ",
        ],
    },
    Case {
        name: "a mutex is locked twice",
        body: || {
            let mutex = gmp::sync::Mutex::new(());
            let _held = mutex.lock();
            drop(mutex.lock());
        },
        expected: &["goroutine 1 main [sync.Mutex.Lock]:\n"],
    },
    Case {
        name: "main has gone, and the other waits",
        body: || {
            gmp::go(|| gmp::chan::never::<()>().recv());
            gmp::goexit();
        },
        expected: &["all goroutines are asleep - deadlock!", "[chan receive (nil chan)]:"],
    },
    Case {
        name: "main has gone, and nobody is left",
        body: || gmp::goexit(),
        expected: &["fatal: no goroutines (main called goexit) - deadlock!"],
    },
];

fn main() {
    let case = std::env::var(CASE).ok();
    if let Some(case) = CASES.iter().find(|c| Some(c.name) == case.as_deref()) {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(case.body) };
    }
    for case in CASES {
        let this = std::env::current_exe().unwrap();
        let child =
            Command::new(this).env(CASE, case.name).env("GOMAXPROCS", "2").output().unwrap();
        let text = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(2), "{}: {text}", case.name);
        for part in case.expected {
            assert!(text.contains(part), "{}: no {part:?} in {text}", case.name);
        }
    }
}
