//! `GMP_FLIGHT` names what takes no more: the process ends all the same.
#![cfg(target_os = "linux")]

mod quit_common;

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use quit_common::takes_sigquit;

const CASE: &str = "GMP_TEST_CASE";
/// What the child says when it can be asked to quit.
const READY: &str = "it can be asked to quit";

/// Makes a trace that is longer than a pipe.
fn long_trace() {
    (0..5_000).for_each(|_| gmp::go(|| ()).join().unwrap());
}

fn panics() {
    long_trace();
    assert!(gmp::go(|| panic!("on purpose")).join().is_err());
    unreachable!("it wrote into a full pipe");
}

#[expect(clippy::print_stdout, reason = "how the child tells its parent that it is ready")]
fn goes_on() {
    long_trace();
    println!("{READY}");
    gmp::blocking(std::thread::park);
    unreachable!("nobody unparks it");
}

/// A pipe at `path`, open at both ends, so that it can be opened for writing, and that one sees whether it is full.
fn pipe(path: &Path) -> File {
    // Of an earlier process with that number.
    let _ = std::fs::remove_file(path);
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

fn is_full(pipe: &File) -> bool {
    let mut entry = libc::pollfd { fd: pipe.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry.
    let room = unsafe { libc::poll(&raw mut entry, 1, 0) };
    room == 0
}

/// Waits until the pipe takes no more, so that whoever has filled it is stuck.
fn until_full(pipe: &File, child: &mut Child) {
    while !is_full(pipe) {
        assert!(child.try_wait().unwrap().is_none(), "the child has ended early");
        std::thread::yield_now();
    }
}

/// What a child says that runs `program` and gets SIGQUIT after `when`.
fn ends(name: &str, program: fn(), when: fn(&File, &mut Child)) -> String {
    if std::env::var_os(CASE).is_some() {
        // SAFETY: no thread-local is kept over a park.
        unsafe { gmp::run(program) }
        unreachable!("the program does not return");
    }
    let path = std::env::temp_dir().join(format!("gmp-flight-{name}-{}", std::process::id()));
    let pipe = pipe(&path);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CASE, "x").env("GMP_FLIGHT", &path);
    takes_sigquit(&mut command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    when(&pipe, &mut child);
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    assert!(is_full(&pipe), "it has not tried to write: {said}");
    std::fs::remove_file(&path).unwrap();
    said
}

#[test]
fn a_writer_that_is_stuck_does_not_keep_the_process() {
    let name = "a_writer_that_is_stuck_does_not_keep_the_process";
    let said = ends(name, panics, until_full);
    assert!(said.contains("SIGQUIT: quit\n\ngoroutine 1 main ["), "{said}");
}

#[test]
fn neither_does_the_end_itself() {
    let ready = |_: &File, child: &mut Child| {
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line.contains(READY)), "it has ended early");
    };
    let said = ends("neither_does_the_end_itself", goes_on, ready);
    assert!(said.contains("SIGQUIT: quit\n\ngoroutine 1 main ["), "{said}");
    assert!(said.ends_with("gmp: GMP_FLIGHT: it takes no more\n"), "{said}");
}
