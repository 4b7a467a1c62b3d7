//! `GMP_FLIGHT` names what takes no more: the process ends all the same.
#![cfg(target_os = "linux")]

mod quit_common;

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use quit_common::takes_sigquit;

const CASE: &str = "GMP_TEST_CASE";
const NAME: &str = "a_writer_that_is_stuck_does_not_keep_the_process";

/// Makes a trace that is longer than a pipe, and panics.
fn program() {
    (0..5_000).for_each(|_| gmp::go(|| ()).join().unwrap());
    assert!(gmp::go(|| panic!("on purpose")).join().is_err());
    unreachable!("it wrote into a full pipe");
}

/// A pipe at `path`, open at both ends, so that it can be opened for writing, and that one sees whether it is full.
fn pipe(path: &Path) -> File {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Waits until the pipe takes no more, so that whoever has filled it is stuck.
fn until_full(pipe: &File, child: &mut Child) {
    let mut entry = libc::pollfd { fd: pipe.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry.
    while unsafe { libc::poll(&raw mut entry, 1, 0) } == 1 {
        assert!(child.try_wait().unwrap().is_none(), "the child has ended early");
        std::thread::yield_now();
    }
}

#[test]
fn a_writer_that_is_stuck_does_not_keep_the_process() {
    if std::env::var_os(CASE).is_some() {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(program) };
    }
    let path = std::env::temp_dir().join(format!("gmp-flight-stuck-{}", std::process::id()));
    let pipe = pipe(&path);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([NAME, "--exact", "--nocapture"]).env(CASE, "x").env("GMP_FLIGHT", &path);
    takes_sigquit(&mut command);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_full(&pipe, &mut child);
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    assert!(said.contains("SIGQUIT: quit\n\ngoroutine 1 main ["), "{said}");
    std::fs::remove_file(&path).unwrap();
}
