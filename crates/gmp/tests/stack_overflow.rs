//! A goroutine that uses up its stack ends the process with a report: who, where it was started, how much it had, and
//! how to give it more. In child processes.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use gmp::runtime::stack;

const CHILD: &str = "GMP_TEST_STACK_OVERFLOW";

/// Runs `body` as the main goroutine of a child process, which is this test again.
fn child(test: &str, body: fn()) -> Output {
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: nothing here keeps a thread-local over a park.
        unsafe { gmp::run(body) };
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command.output().expect("a child")
}

#[inline(never)]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 32]);
    if frame[31] == usize::MAX { 0 } else { recurse(depth + 1) + frame[depth % 32] }
}

fn overflow() {
    black_box(recurse(0));
}

fn assert_reported(output: &Output, limit: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{said}");
    assert!(said.contains("stack overflow in goroutine "), "{said}");
    assert!(said.contains(" 'deep thought', started at "), "{said}");
    assert!(said.contains("stack_overflow.rs:"), "{said}");
    assert!(said.contains(limit), "{said}");
    assert!(said.contains("GMP_STACK_SIZE"), "{said}");
}

fn start(size: usize, body: fn()) {
    let started = gmp::Builder::new().name("deep thought").stack_size(size).spawn(body);
    let _ = started.expect("a stack").join();
}

#[test]
fn of_its_own_stack() {
    let output = child("of_its_own_stack", || start(128 << 10, overflow));
    assert_reported(&output, "its stack of 128 KiB");
}

#[test]
fn of_a_segment() {
    let output = child("of_a_segment", || {
        start(128 << 10, || stack::grow(512 << 10, overflow));
    });
    assert_reported(&output, "its stack of 512 KiB");
}

#[test]
fn after_it_was_parked_and_stopped() {
    let output = child("after_it_was_parked_and_stopped", || {
        for _ in 0..4 {
            gmp::go(|| {
                loop {
                    black_box(0);
                }
            });
        }
        start(128 << 10, || {
            gmp::time::sleep(std::time::Duration::from_millis(2));
            overflow();
        });
    });
    assert_reported(&output, "its stack of 128 KiB");
}
