//! Other signals, as many as there can be, on the threads of goroutines, stopped ones among them.

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::{ptr, thread};

use super::{alone, handle, ignore, stops, until, with_hogs};

static SEEN: AtomicUsize = AtomicUsize::new(0);
/// The thread whose handler has run last.
static LAST: AtomicI32 = AtomicI32::new(0);

fn seen() -> usize {
    SEEN.load(Ordering::Relaxed)
}

/// What a sampling profiler does in its handler, as far as it matters here: uses some stack, and counts.
extern "C" fn sample(_: libc::c_int) {
    black_box([0_u8; 1 << 10]);
    SEEN.fetch_add(1, Ordering::Relaxed);
    // SAFETY: no arguments, no failure.
    LAST.store(unsafe { libc::gettid() }, Ordering::Relaxed);
}

/// SIGPROF each millisecond of time, and each of CPU time as far as the kernel's ticks allow.
fn profile() {
    let ms = libc::timeval { tv_sec: 0, tv_usec: 1_000 };
    let period = libc::itimerval { it_interval: ms, it_value: ms };
    // SAFETY: a valid period; the old one is not asked for.
    let set = unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const period, ptr::null_mut()) };
    assert_eq!(set, 0);
    // SAFETY: all zero is a valid `sigevent`.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, libc::SIGPROF);
    let mut timer = ptr::null_mut();
    let clock = libc::CLOCK_MONOTONIC;
    // SAFETY: a valid event, and room for the timer.
    assert_eq!(unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) }, 0);
    let ms = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    let period = libc::itimerspec { it_interval: ms, it_value: ms };
    // SAFETY: the timer made above, and a valid period.
    assert_eq!(unsafe { libc::timer_settime(timer, 0, &raw const period, ptr::null_mut()) }, 0);
}

#[test]
fn a_profiler_at_one_kilohertz() {
    alone("others::a_profiler_at_one_kilohertz", || {
        handle(libc::SIGPROF, sample);
        profile();
        with_hogs(|| until(100, || seen() >= 500));
        // `exit` in a thread other than the main one unmaps the main thread's signal stack (std, rt::cleanup).
        ignore(libc::SIGPROF);
    });
}

/// The threads of goroutines, which std's `Thread` does not tell.
fn threads() -> Vec<libc::pid_t> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
    let ours = tasks.filter(|task| {
        // One that ends meanwhile has no name.
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|n| n.starts_with("gmp-m"))
    });
    ours.map(|task| task.file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// Sends SIGUSR1; false when the thread has ended.
fn send(thread: libc::pid_t) -> bool {
    let process = std::process::id() as libc::pid_t;
    // SAFETY: a signal that this process handles, to a thread of its own.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) == 0 }
}

#[test]
fn a_hundred_thousand_signals() {
    alone("others::a_hundred_thousand_signals", || {
        handle(libc::SIGUSR1, sample);
        with_hogs(|| {
            let (mut reader, mut writer) = UnixStream::pair().unwrap();
            let blocked = gmp::go(move || {
                let mut bytes = [0; 4];
                // One plain call; the kernel restarts it each time.
                (reader.read(&mut bytes).unwrap(), bytes)
            });
            // Every hog has run, and has a thread.
            until(50, || true);
            let storm = thread::spawn(|| {
                let mut sent = 0;
                while sent < 100_000 {
                    let all = threads();
                    assert!(all.len() > 8, "the hogs' threads are not seen: {all:?}");
                    (0..50).for_each(|_| sent += all.iter().filter(|&&t| send(t)).count());
                }
                // Each of them still handles one: also those that are stopped.
                for thread in threads() {
                    LAST.store(0, Ordering::Relaxed);
                    while send(thread) && LAST.load(Ordering::Relaxed) != thread {
                        thread::yield_now();
                    }
                }
            });
            let before = stops();
            until(before + 100, || storm.is_finished());
            storm.join().unwrap();
            writer.write_all(b"gmp!").unwrap();
            assert_eq!(blocked.join().unwrap(), (4, *b"gmp!"));
        });
    });
}
