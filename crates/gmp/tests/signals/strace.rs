//! What strace sees of the system calls of goroutines.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::{ptr, thread};

use super::interrupted::calls;
use super::{PROCS, has, on, said};

const CASE: &str = "GMP_TEST_CASE";
const TRACED: &str = "strace::strace_sees_no_call_interrupted";
/// Calls that block, in strace's words. A `?` is for a name that some processors do not have.
const BLOCKING: &str = "trace=nanosleep,clock_nanosleep,?poll,ppoll,recvfrom,read,accept4,wait4";
/// More of them are made, each of which could be interrupted.
const CALLS: usize = 600;

/// What goroutines wait for on a plain thread: a byte, a lock, a child.
fn waits() {
    let (mut here, mut there) = UnixStream::pair().unwrap();
    let echo = thread::spawn(move || {
        let mut byte = [0];
        (0..20).for_each(|_| {
            there.read_exact(&mut byte).unwrap();
            there.write_all(&byte).unwrap();
        });
    });
    for n in 0..20 {
        here.write_all(&[n]).unwrap();
        let mut byte = [0];
        // One plain call.
        assert_eq!((here.read(&mut byte).unwrap(), byte), (1, [n]));
    }
    echo.join().unwrap();
    assert!(Command::new("true").status().unwrap().success());
}

/// A signal that nobody handles still ends the calls of a process that is traced, those that are not restarted with
/// `EINTR`; and a child ends.
fn hold_off_children() {
    let mut set = MaybeUninit::uninit();
    // SAFETY: room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised by the line above.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: a valid set.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGCHLD) };
    // SAFETY: a valid set; the old one is not asked for.
    let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) };
    assert_eq!(error, 0);
}

/// The calls that have ended, by strace's log, each in one line.
fn ended(log: &str) -> Vec<String> {
    let mut begun = HashMap::new();
    let call = |line: &str| {
        let (thread, line) = line.trim_start().split_once(' ')?;
        let call = match line.split_once(" resumed>") {
            Some((_, end)) => begun.remove(thread)? + end,
            None => line.trim_start().to_owned(),
        };
        if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread.to_owned(), beginning.to_owned());
            return None;
        }
        Some(call)
    };
    log.lines().filter_map(call).collect()
}

/// Whether it is one of those of `calls`: the runtime's own naps are shorter, and those of `waits` are restarted, and
/// get their byte.
fn is_meant(call: &str) -> bool {
    let sleeps = call.contains("nanosleep(") && call.contains("tv_nsec=700000}");
    let polls = call.contains("poll([") && call.contains("], 1, ");
    let receives =
        call.starts_with("recvfrom(") && ![" = 1", "ERESTARTSYS"].iter().any(|s| call.contains(s));
    sleeps || polls || receives
}

/// Blocking calls beside a ticker: strace, which sees every call, sees none interrupted.
#[test]
#[expect(clippy::print_stdout, reason = "says why it was skipped")]
fn strace_sees_no_call_interrupted() {
    if std::env::var_os(CASE).is_some() {
        hold_off_children();
        on(|| {
            let others: Vec<_> = (0..2 * PROCS).map(|_| gmp::go(waits)).collect();
            let (made, failed) = calls(1, |made| made > CALLS);
            assert_eq!(failed, 0, "of {made}");
            others.into_iter().for_each(|other| other.join().unwrap());
        });
        std::process::exit(0);
    }
    if !has("strace") {
        return println!("skipped: there is no strace, or the tests run in an emulator");
    }
    let path = std::env::temp_dir().join(format!("gmp-strace-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-e", BLOCKING, "-o"]).arg(&path);
    strace.arg(std::env::current_exe().unwrap());
    strace.args([TRACED, "--exact", "--nocapture", "--test-threads=1"]);
    let out = strace.env(CASE, "x").output().unwrap();
    let log = std::fs::read_to_string(&path).unwrap_or_default();
    drop(std::fs::remove_file(&path));
    if said(&out).contains("Operation not permitted") {
        return println!("skipped: nobody may be traced here");
    }
    assert!(out.status.success(), "{}", said(&out));
    // The two others are what the kernel makes `EINTR` of when there is a handler; a restarted call is `ERESTARTSYS`.
    let failed = |call: &&String| {
        ["EINTR", "ERESTART_RESTARTBLOCK", "ERESTARTNOHAND"].iter().any(|word| call.contains(word))
    };
    let all = ended(&log);
    let (meant, others): (Vec<_>, Vec<_>) = all.iter().partition(|call| is_meant(call));
    assert!(meant.len() > CALLS, "{}", meant.len());
    let interrupted: Vec<_> = meant.iter().copied().filter(failed).collect();
    assert!(interrupted.is_empty(), "{interrupted:#?}");
    // Naps of the runtime may be cut short; everything else is restarted.
    let others: Vec<_> = others.into_iter().filter(failed).collect();
    assert!(others.iter().all(|call| call.contains("nanosleep(")), "{others:#?}");
}
