//! A dump shows the stacks of goroutines that sleep in system calls of which the runtime was not told, and does not end the calls.

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use gmp::runtime::{self, Builder};

/// Whether the kernel tells where a thread sleeps.
const TOLD: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

fn dump() -> String {
    let mut text = Vec::new();
    runtime::dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Dumps until one has an entry with all of these texts; returns it.
fn entry_with(texts: &[&str]) -> String {
    let begun = Instant::now();
    loop {
        let text = dump();
        let entry = text.split("\n\n").find(|e| texts.iter().all(|text| e.contains(text)));
        if let Some(entry) = entry {
            return entry.to_owned();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no entry has all of {texts:?}:\n{text}"
        );
        gmp::yield_now();
    }
}

/// With a frame above it, so that one sees that the walk goes on.
#[inline(never)]
fn outer(inner: impl FnOnce()) {
    inner();
    black_box(());
}

/// Runs `call` on a goroutine that is found asleep in it, with `outer` and `names`, which are no names of the test's own
/// closures, on its stack; `end` ends it.
fn asleep(call: impl FnOnce() + Send + 'static, names: &[&str], end: impl FnOnce()) {
    let sleeper = gmp::go(move || outer(call));
    let found = if TOLD {
        entry_with(&[&["[syscall]:", "dump_asleep::outer", "created by goroutine"], names].concat())
    } else {
        entry_with(&["[syscall]:", "the kernel does not tell its stack"])
    };
    assert!(found.starts_with(&format!("goroutine {} ", sleeper.id())), "{found}");
    end();
    sleeper.join().unwrap();
}

fn on_two(body: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(body) }
}

/// Waits until the other end of the pipe is closed, in a call that every signal ends: it is whole only if none came.
#[inline(never)]
fn polls(pipe: &UnixStream) {
    let mut entry = libc::pollfd { fd: pipe.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry.
    let n = unsafe { libc::poll(&raw mut entry, 1, -1) };
    assert_eq!(n, 1, "interrupted");
}

#[test]
fn in_a_poll_which_is_not_cut_short() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    on_two(|| asleep(move || polls(&ours), &["dump_asleep::polls"], || drop(theirs)));
}

#[test]
fn in_the_sleep_of_std() {
    let over = Arc::new(AtomicBool::new(false));
    let mine = over.clone();
    let call = move || {
        while !mine.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(300)); // Sleep: what is looked at.
        }
    };
    on_two(|| asleep(call, &["std::thread", "::sleep"], || over.store(true, Ordering::Relaxed)));
}

#[test]
fn in_a_read() {
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    let call = move || assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
    let end = move || assert_eq!(writer.write(b"x").unwrap(), 1);
    on_two(|| asleep(call, &["UnixStream as", ">::read"], end));
}

#[test]
fn in_a_condition_of_std() {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let mine = shared.clone();
    let call = move || {
        let over = mine.0.lock().unwrap();
        drop(mine.1.wait_while(over, |over| !*over).unwrap());
    };
    let end = move || {
        *shared.0.lock().unwrap() = true;
        shared.1.notify_all();
    };
    on_two(|| asleep(call, &["wait_while"], end));
}
