//! System calls that the kernel does not restart: they end as if there were no preemption.

use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{PROCS, alone, stops, until, with_hogs, work};

/// Whether the last call has failed with `EINTR`; it may fail with nothing else but `expected`.
fn interrupted(failed: bool, expected: i32) -> usize {
    let error = std::io::Error::last_os_error().raw_os_error();
    assert!(!failed || [Some(expected), Some(libc::EINTR)].contains(&error), "{error:?}");
    usize::from(failed && error == Some(libc::EINTR))
}

fn sleep() -> usize {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 700_000 };
    // SAFETY: a valid time; what is left is not asked for.
    interrupted(unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) } != 0, 0)
}

fn poll(socket: &UnixStream) -> usize {
    let mut one = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, and its number.
    interrupted(unsafe { libc::poll(&raw mut one, 1, 1) } < 0, 0)
}

/// With a timeout on the socket, which makes it a call that is not restarted.
fn receive(socket: &UnixStream) -> usize {
    let mut byte = 0_u8;
    // SAFETY: room for a byte.
    let n = unsafe { libc::recv(socket.as_raw_fd(), (&raw mut byte).cast(), 1, 0) };
    interrupted(n < 0, libc::EAGAIN)
}

/// Goroutines that make one call after the other which blocks their thread, and compute in between for up to `most` times
/// `work`, until the main goroutine has slept for a millisecond as often as `done` wants. How many calls they have made, and
/// how many were interrupted.
pub(super) fn calls(most: u64, done: impl Fn(usize) -> bool) -> (usize, usize) {
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let all: Vec<_> = (0..2 * PROCS as u64)
        .map(|number| {
            let (counts, stop) = (counts.clone(), stop.clone());
            gmp::go(move || {
                let (socket, _other) = UnixStream::pair().unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let call = |round: u64| match round % 3 {
                    0 => sleep(),
                    1 => poll(&socket),
                    _ => receive(&socket),
                };
                // Who begins with calls is seen asleep before it has computed for long.
                let failed = (0..12).map(call).sum();
                counts.1.fetch_add(failed, Ordering::Relaxed);
                for round in (number..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    (0..round % most).for_each(|n| _ = black_box(work(n)));
                    let failed = call(round);
                    counts.0.fetch_add(1, Ordering::Relaxed);
                    counts.1.fetch_add(failed, Ordering::Relaxed);
                }
            })
        })
        .collect();
    until(0, || done(counts.0.load(Ordering::Relaxed)));
    stop.store(true, Ordering::Relaxed);
    all.into_iter().for_each(|one| one.join().unwrap());
    (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed))
}

/// The worst that there is: goroutines that compute for a slice or two, and then make such a call, beside hogs. They are
/// known to sleep now and then, and stopped at clock ticks, where no call sees it.
#[test]
fn no_call_is_interrupted_beside_hogs() {
    alone("interrupted::no_call_is_interrupted_beside_hogs", || {
        let (made, failed) = with_hogs(|| calls(40, |made| made > 600 && stops() > 1_000));
        assert_eq!(failed, 0, "of {made}");
    });
}
