//! `GMP_PREEMPT=off`: no thread is sent a signal, and everything but hogs works as ever.
#![cfg(unix)]

mod blocking;
#[path = "../round_trips/mod.rs"]
mod round_trips;

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, metrics};
use gmp::time::{after, sleep, tick};
use gmp::{JoinHandle, chan, select};
use round_trips::round_trips;

const PROCS: usize = 2;
const SLICE: Duration = Duration::from_millis(1);
/// SIGURGs that any thread of the process has handled.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Has `count` handle SIGURG from now on; returns who has until now.
fn count_signals() -> libc::sighandler_t {
    // SAFETY: `count` is async-signal-safe.
    unsafe { libc::signal(libc::SIGURG, count as *const () as libc::sighandler_t) }
}

/// Runs `body` on two processors in a child without preemption, to which no signal may come.
fn off(test: &str, body: impl FnOnce() + Send) {
    const CHILD: &str = "GMP_TEST_CHILD";
    if env::var_os(CHILD).is_none() {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(CHILD, test).env("GMP_PREEMPT", "off");
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success() && said.contains("1 passed"), "{}: {said}", out.status);
        return;
    }
    count_signals();
    // SAFETY: no thread-local is kept over a park.
    let stopped = unsafe {
        Builder::new().max_procs(PROCS).time_slice(SLICE).run(|| {
            body();
            metrics().total.preempted_by_signal
        })
    };
    assert_eq!((stopped, SIGNALS.load(Ordering::Relaxed)), (0, 0));
    // They would have been counted: nobody else has taken the signal over.
    assert_eq!(count_signals(), count as *const () as libc::sighandler_t);
    // SAFETY: no preconditions.
    unsafe { libc::raise(libc::SIGURG) };
    assert_eq!(SIGNALS.load(Ordering::Relaxed), 1);
}

/// Two goroutines for each processor, with their numbers.
fn twice(body: impl Fn(usize) + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    let start = |n| {
        let body = body.clone();
        gmp::go(move || body(n))
    };
    (0..2 * PROCS).map(start).collect()
}

fn join(all: Vec<JoinHandle<()>>) {
    all.into_iter().for_each(|one| one.join().unwrap());
}

#[test]
fn channels_and_timers() {
    off("channels_and_timers", || {
        let pairs = twice(|_| round_trips());
        let (sum, numbers) = chan::bounded(3);
        let senders = twice(move |_| (0..500_u64).for_each(|n| sum.send(n).unwrap()));
        let sleepers = twice(|n| {
            let (begun, short) = (Instant::now(), Duration::from_millis(n as u64));
            (0..10).for_each(|_| sleep(short));
            assert!(begun.elapsed() >= 10 * short);
        });
        assert_eq!(numbers.iter().sum::<u64>(), 4 * (0..500).sum::<u64>());
        let ticks = tick(Duration::from_millis(1));
        (0..10).for_each(|_| assert!(ticks.recv().is_ok()));
        select! {
            recv(chan::never::<()>()) -> _ => unreachable!(),
            recv(after(Duration::from_millis(5))) -> _ => (),
        }
        [pairs, senders, sleepers].into_iter().for_each(join);
    });
}

/// Whoever computes keeps its processor for more than its slice, and the others go on afterwards.
#[test]
fn hogs() {
    off("hogs", || {
        let hogs = twice(|_| {
            let begun = Instant::now();
            while begun.elapsed() < 20 * SLICE {
                std::hint::spin_loop();
            }
        });
        round_trips();
        join(hogs);
    });
}
