//! Children: started, waited for, killed, with what they write.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use gmp::process::{Command, Stdio};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[gmp::test(unsafe)]
fn output_captures_both_streams() {
    let output = sh("echo out; echo err >&2; exit 3").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    // More than a pipe holds on each, by turns: reading one after the other would hang.
    let big = "for i in 1 2 3 4; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; done";
    let output = sh(big).output().unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (400_000, 400_000));
    // Its input is empty, not ours.
    assert_eq!(sh("cat").output().unwrap().stdout, b"");
}

#[gmp::test(unsafe)]
fn output_respects_what_was_chosen() {
    let mut command = sh("echo out; echo err >&2");
    let output = command.stderr(Stdio::null()).output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
    // And leaves the builder as it was: a second run captures again.
    assert_eq!(command.output().unwrap().stdout, b"out\n");
}

#[gmp::test(unsafe)]
fn a_conversation_with_a_child() {
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for round in 0..100u32 {
        stdin.write_all(&round.to_le_bytes()).unwrap();
        let mut answer = [0; 4];
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(u32::from_le_bytes(answer), round);
    }
    assert_eq!(child.try_wait().unwrap(), None);
    stdout.set_deadline(Some(Instant::now())).unwrap();
    assert_eq!(stdout.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    stdout.set_deadline(None).unwrap();
    drop(stdin);
    assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    assert!(child.wait().unwrap().success());
    assert!(child.wait().unwrap().success(), "the status is kept");
}

#[gmp::test(unsafe)]
fn waiting_for_a_child_ends_its_input() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(child.stdin.is_none());
}

#[gmp::test(unsafe)]
fn killed_and_timed_out() {
    let mut child = sh("exec sleep 600").spawn().unwrap();
    let patience = Duration::from_millis(5);
    let start = Instant::now();
    assert_eq!(child.wait_timeout(patience).unwrap(), None);
    assert!(start.elapsed() >= patience);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    child.kill().unwrap();
    assert!(child.wait_timeout(patience).unwrap().is_some());
}

#[gmp::test(unsafe)]
fn what_cannot_be_started() {
    let error = Command::new("/nowhere/to/be/found").spawn().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(Command::new("/nowhere").status().unwrap_err().kind(), ErrorKind::NotFound);
}

#[gmp::test(unsafe)]
fn environment_directory_and_name() {
    let mut command = sh("echo $A-$B-$PWD");
    command.env("A", "a").envs([("B", "b")]).env_remove("C").current_dir("/");
    assert_eq!(command.output().unwrap().stdout, b"a-b-/\n");
    assert_eq!(command.get_program(), "sh");
    assert_eq!(command.get_args().count(), 2);
    assert_eq!(command.get_envs().count(), 3);
    assert_eq!(command.get_current_dir(), Some(std::path::Path::new("/")));
    let mut bare = Command::new("/usr/bin/env");
    assert_eq!(bare.env_clear().env("X", "1").output().unwrap().stdout, b"X=1\n");
}

fn waiting_on_descriptors() -> usize {
    let states = gmp::runtime::metrics().states;
    states.iter().find(|(state, _)| *state == "IO wait").map_or(0, |&(_, n)| n)
}

/// A hundred children, one processor: waiting for them takes no thread each. They are started one after the other, for
/// starting one does block a thread. What may be added while they wait does not grow with their number: a thread or
/// two when the monitor has found this one asleep in the kernel, between two of its short calls.
#[gmp::test(unsafe, max_procs = 1)]
fn many_children_at_once() {
    let start = |i| sh(&format!("read x; exit {i}")).stdin(Stdio::piped()).spawn().unwrap();
    let mut children: Vec<_> = (0..100).map(start).collect();
    let inputs: Vec<_> = children.iter_mut().map(|child| child.stdin.take()).collect();
    let threads = gmp::runtime::metrics().threads;
    let waiters: Vec<_> = children
        .into_iter()
        .map(|mut child| gmp::go(move || child.wait().unwrap().code()))
        .collect();
    while waiting_on_descriptors() < waiters.len() {
        gmp::yield_now();
    }
    let grown = gmp::runtime::metrics().threads.saturating_sub(threads);
    assert!(grown < 10, "{grown} threads more while a hundred children are waited for");
    // They end when their input does: the last one first, and nobody gets another's status.
    inputs.into_iter().rev().for_each(drop);
    for (i, waiter) in waiters.into_iter().enumerate() {
        assert_eq!(waiter.join().unwrap(), Some(i as i32));
    }
}

#[test]
fn plain_threads_need_no_runtime() {
    let output = sh("echo out; echo err >&2").output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(sh("exit 5").status().unwrap().code(), Some(5));
}
