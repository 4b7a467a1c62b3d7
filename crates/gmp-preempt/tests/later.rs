//! Stops at a clock tick: no system call sees them, and they can be overtaken. Linux has them.

#![cfg(target_os = "linux")]

mod common;

use std::{
    io::{self, Read, Write},
    ptr,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{Hog, always, in_child, pipe, wait_for};
use gmp_preempt::Target;

/// A short sleep, by two calls in turns that the kernel never restarts; whether a signal has ended it.
fn sleep(round: u64) -> bool {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 20_000 };
    let failed = if round % 2 == 0 {
        // SAFETY: a valid time; what is left is not asked for.
        unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) }
    } else {
        // SAFETY: no descriptors, a valid time, no mask.
        unsafe { libc::ppoll(ptr::null_mut(), 0, &raw const time, ptr::null()) }
    };
    failed != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
}

/// Computes for some microseconds, sleeps for some, and so on; counts the calls that a signal has ended.
fn sleeper(interrupted: &Arc<AtomicU64>) -> Hog {
    let interrupted = Arc::clone(interrupted);
    Hog::start(move |round| {
        let (since, long) = (Instant::now(), Duration::from_micros(round * 7 % 200));
        while since.elapsed() < long {}
        interrupted.fetch_add(sleep(round).into(), Ordering::Relaxed);
    })
}

/// Stops it so often by `request`; how many calls were interrupted.
fn stops(count: usize, request: impl Fn(&Target) -> io::Result<()>) -> u64 {
    let interrupted = Arc::new(AtomicU64::new(0));
    let hog = sleeper(&interrupted);
    for _ in 0..count {
        let before = hog.rounds.load(Ordering::Relaxed);
        request(&hog.target).unwrap();
        wait_for("the thread to stop", || hog.target.is_stopped());
        hog.target.resume();
        wait_for("the thread to go on", || hog.rounds.load(Ordering::Relaxed) > before + 3);
    }
    hog.finish();
    interrupted.load(Ordering::Relaxed)
}

/// The same thread, stopped by signals from outside, sees many: so the other figure means something.
#[test]
fn no_call_is_interrupted() {
    in_child("no_call_is_interrupted", || {
        assert_eq!(stops(300, Target::request_later), 0);
        assert!(stops(300, Target::request) > 0);
    });
}

/// A thread that sleeps is not woken; who asks now wakes it, timer or not.
#[test]
fn who_asks_now_does_not_wait_for_the_timer() {
    in_child("who_asks_now_does_not_wait_for_the_timer", || {
        let (mut reader, mut writer) = pipe();
        let hog = Hog::start(move |_| {
            let mut byte = [0];
            reader.read_exact(&mut byte).unwrap();
        });
        for _ in 0..20 {
            wait_for("the reader to sleep", || hog.target.is_asleep().unwrap());
            let cpu = hog.target.cpu_time().unwrap();
            hog.target.request_later().unwrap();
            assert!(hog.target.is_asleep().unwrap() && !hog.target.is_stopped());
            assert_eq!(hog.target.cpu_time().unwrap(), cpu, "it was woken");
            hog.target.request().unwrap();
            wait_for("the reader to stop", || hog.target.is_stopped());
            hog.target.resume();
        }
        // The timer that is still set finds nothing to serve.
        let quit = thread::spawn(move || hog.finish());
        wait_for("the reader to see the end", || {
            writer.write_all(b"x").is_err() || quit.is_finished()
        });
        assert!(quit.join().unwrap() > 0);
    });
}

/// A thread that computes is stopped by the next tick or the one after that; in a critical section it serves the request at
/// the end of it.
#[test]
fn who_computes_is_stopped_soon() {
    in_child("who_computes_is_stopped_soon", || {
        let hog = Hog::start(|round| {
            let _held = (round % 2 == 0).then(gmp_preempt::critical);
            let since = Instant::now();
            while since.elapsed() < Duration::from_millis(1) {}
        });
        for _ in 0..50 {
            let cpu = hog.target.cpu_time().unwrap();
            hog.target.request_later().unwrap();
            wait_for("the hog to stop", || hog.target.is_stopped());
            // Ten ticks of the slowest clock.
            assert!(hog.target.cpu_time().unwrap() - cpu < Duration::from_millis(100));
            hog.target.resume();
        }
        hog.finish();
    });
}

/// Who has no timer left is told so, and can ask in the other way.
#[test]
fn without_a_timer_nobody_is_asked() {
    in_child("without_a_timer_nobody_is_asked", || {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_SIGPENDING, &raw const none) }, 0);
        let hog = Hog::with(always, |_| std::hint::spin_loop());
        let error = hog.target.request_later().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        hog.stop_and_go(20);
        hog.finish();
    });
}

/// The timers that this process has.
fn timers() -> usize {
    let all = std::fs::read_to_string("/proc/self/timers").unwrap();
    all.lines().filter(|line| line.starts_with("ID:")).count()
}

#[test]
fn threads_take_their_timers_with_them() {
    in_child("threads_take_their_timers_with_them", || {
        for round in 0..20 {
            let hog = Hog::start(|_| std::hint::spin_loop());
            hog.target.request_later().unwrap();
            wait_for("the hog to stop", || hog.target.is_stopped());
            assert_eq!(timers(), 1, "round {round}");
            hog.target.resume();
            hog.finish();
        }
        assert_eq!(timers(), 0);
    });
}
