//! SIGQUIT ends a process with a dump, also while every processor is hogged. Child processes.

mod quit_common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use quit_common::takes_sigquit;

const CASE: &str = "GMP_TEST_CASE";

/// Runs the test `name` of this executable as a child whose case is `name`; none in the child itself.
fn child(name: &str) -> Option<Command> {
    if std::env::var_os(CASE).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CASE, name).env("GOMAXPROCS", "2");
    Some(command)
}

fn run(f: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park.
    unsafe { gmp::run(f) };
}

/// Sends SIGQUIT to the child once it has said that it is ready; returns status and standard error.
fn quit_when_ready(mut command: Command) -> (Option<i32>, String) {
    takes_sigquit(&mut command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")), "the child ended early");
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) };
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

#[expect(clippy::print_stdout, reason = "how the child tells its parent that it is ready")]
fn ready() {
    println!("ready");
}

#[test]
fn sigquit_dumps_and_ends_the_process() {
    let Some(child) = child("sigquit_dumps_and_ends_the_process") else {
        return run(|| {
            ready();
            gmp::time::sleep(std::time::Duration::from_secs(600));
        });
    };
    let (code, text) = quit_when_ready(child);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("SIGQUIT: quit\n\ngoroutine 1 main ["), "{text}");
}

#[inline(never)]
fn hog() {
    while std::hint::black_box(true) {}
}

#[inline(never)]
fn allocate() {
    while std::hint::black_box(vec![1_u8; 4096]).len() > 1 {}
}

#[test]
fn sigquit_dumps_while_every_processor_is_hogged() {
    let Some(child) = child("sigquit_dumps_while_every_processor_is_hogged") else {
        return run(|| {
            (0..2).for_each(|_| drop(gmp::go(hog)));
            (0..2).for_each(|_| drop(gmp::go(allocate)));
            let parked = gmp::chan::never::<()>();
            let asleep = gmp::go(move || parked.recv().is_err());
            gmp::go(|| {
                // Once the other two wait, which may take them a few slices of the hogs.
                let waits = |text: &[u8]| {
                    let text = String::from_utf8_lossy(text);
                    text.contains("[join]:") && text.contains("[chan receive (nil chan)]:")
                };
                let mut text = Vec::new();
                while !waits(&text) {
                    text.clear();
                    gmp::yield_now();
                    gmp::runtime::dump(&mut text).unwrap();
                }
                ready();
                gmp::chan::never::<()>().recv().unwrap_err();
            });
            drop(asleep.join());
        });
    };
    let (code, text) = quit_when_ready(child);
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(text.matches("\ngoroutine ").count(), 7, "{text}");
    assert!(text.contains("[join]:") && text.contains("[chan receive (nil chan)]:"), "{text}");
    // Some run, some wait for their turn; all may just have been stopped.
    assert_eq!(text.matches("[running]:").count() + text.matches("[preempted]:").count(), 4);
    // Also those that run, or were stopped, have stacks.
    assert_eq!(text.matches("dump_process::hog\n").count(), 2, "{text}");
    assert_eq!(text.matches("dump_process::allocate\n").count(), 2, "{text}");
}
