//! No more threads: goroutines that compute or block come to their ends with those there are, and somebody says why it is slow;
//! only Ps without a thread at the limit that the program itself has set are fatal.

mod util;

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use gmp::runtime::Builder;

const PROCS: usize = 2;

fn mix(n: u64) -> u64 {
    (0..2_000_000).fold(n | 1, |x, _| black_box(x ^ (x << 13)).rotate_right(7).wrapping_mul(5))
}

/// Goroutines that compute for several slices, each with the right result.
fn hogs() -> Vec<gmp::JoinHandle<()>> {
    let expected = mix(7);
    let hog = move || (0..3).for_each(|_| assert_eq!(mix(7), expected));
    (0..4 * PROCS).map(|_| gmp::go(hog)).collect()
}

fn with(builder: Builder, body: impl FnOnce() + Send) {
    // A hang ends here. SAFETY: no handler is installed; the default ends the process.
    unsafe { libc::alarm(120) };
    // SAFETY: no thread-local is kept over a park.
    unsafe { builder.max_procs(PROCS).time_slice(Duration::from_millis(2)).run(body) }
}

/// The number of threads in this process.
fn threads() -> u64 {
    std::fs::read_dir("/proc/self/task").unwrap().count() as u64
}

/// From now on the kernel refuses this process further threads; false where that cannot be had. It is a user's number, so the
/// process becomes a user that nobody else is.
fn no_more_threads() -> bool {
    let user = 1_000_000_000 + std::process::id();
    // SAFETY: changes this process only.
    if unsafe { libc::setresuid(user, user, user) } != 0 {
        return false;
    }
    let limit = libc::rlimit { rlim_cur: threads(), rlim_max: threads() };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) }, 0);
    thread::Builder::new().spawn(|| ()).is_err()
}

#[test]
#[expect(clippy::print_stdout, reason = "says why it was skipped")]
fn the_kernel_refuses() {
    let out = util::child("the_kernel_refuses", || {
        with(Builder::new(), || {
            // What the runtime has at once, it has.
            gmp::time::sleep(Duration::from_millis(20));
            if !no_more_threads() {
                std::process::exit(77);
            }
            let hogs = hogs();
            // Sleep: goroutines that block their thread.
            let block = || (0..5).for_each(|_| thread::sleep(Duration::from_millis(2)));
            let blocked: Vec<_> = (0..4 * PROCS).map(|_| gmp::go(block)).collect();
            // Each join needs a processor for the main goroutine.
            blocked.into_iter().chain(hogs).for_each(|one| one.join().unwrap());
        });
    });
    if out.status.code() == Some(77) {
        return println!("skipped: this user cannot become another, or is not limited");
    }
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{:?} {said}", out.status);
    let complaints = said.matches("gmp: cannot start a thread (RLIMIT_NPROC").count();
    assert!((1..=20).contains(&complaints), "{complaints}: {said}");
}

/// A spare thread is a luxury: hogs do without.
#[test]
fn hogs_do_not_reach_the_limit() {
    let out = util::child("hogs_do_not_reach_the_limit", || {
        with(Builder::new().max_threads(4), || {
            hogs().into_iter().for_each(|hog| hog.join().unwrap())
        });
    });
    assert!(out.status.success(), "{:?} {}", out.status, String::from_utf8_lossy(&out.stderr));
}

/// More goroutines block in sections of their own than there may be threads.
#[test]
fn too_many_blocked_at_once_are_fatal() {
    let out = util::child("too_many_blocked_at_once_are_fatal", || {
        with(Builder::new().max_threads(6), || {
            // Sleep: goroutines that block their thread, until the process has ended.
            let block = || gmp::blocking(|| thread::sleep(Duration::from_secs(600)));
            let all: Vec<_> = (0..20).map(|_| gmp::go(block)).collect();
            all.into_iter().for_each(|one| one.join().unwrap());
        });
    });
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("gmp: thread limit reached") && said.contains("max_threads"), "{said}");
}
