//! Threads that block SIGURG: before the runtime, beside it, and in the middle of a goroutine.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{ptr, thread};

use super::{alone, stops, until, with_hogs};

/// A set with SIGURG in it.
fn only_urgent() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised by the line above.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: a valid set.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGURG) };
    set
}

/// Changes the calling thread's mask; whether SIGURG was blocked before.
fn change(how: libc::c_int) -> bool {
    let mut before = MaybeUninit::uninit();
    // SAFETY: a valid set, and room for one.
    let error = unsafe { libc::pthread_sigmask(how, &only_urgent(), before.as_mut_ptr()) };
    assert_eq!(error, 0);
    // SAFETY: filled by the call.
    unsafe { libc::sigismember(before.as_ptr(), libc::SIGURG) == 1 }
}

/// Whether one of ours waits for the calling thread to let it in.
fn is_pending() -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: room for a set.
    assert_eq!(unsafe { libc::sigpending(set.as_mut_ptr()) }, 0);
    // SAFETY: filled by the call.
    unsafe { libc::sigismember(set.as_ptr(), libc::SIGURG) == 1 }
}

/// Threads inherit the mask of who makes them; hogs are stopped all the same, and the mask is what it was afterwards.
#[test]
fn blocked_before_the_runtime_starts() {
    alone("masks::blocked_before_the_runtime_starts", || {
        change(libc::SIG_BLOCK);
        with_hogs(|| until(50, || true));
        assert!(change(libc::SIG_BLOCK), "the mask of the thread that called `run` has changed");
    });
}

/// A plain thread with the signal blocked computes beside the hogs, and is never sent one.
#[test]
fn blocked_in_a_thread_that_is_none_of_ours() {
    alone("masks::blocked_in_a_thread_that_is_none_of_ours", || {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let plain = thread::spawn(move || {
            change(libc::SIG_BLOCK);
            while !stopped.load(Ordering::Relaxed) {
                assert!(!is_pending());
            }
            change(libc::SIG_BLOCK)
        });
        with_hogs(|| until(50, || true));
        stop.store(true, Ordering::Relaxed);
        assert!(plain.join().unwrap());
    });
}

/// A goroutine that blocks the signal is left alone until it lets it in, and then stopped.
#[test]
fn blocked_by_a_goroutine_for_a_while() {
    alone("masks::blocked_by_a_goroutine_for_a_while", || {
        with_hogs(|| {
            let hog = gmp::go(|| {
                let here = thread::current().id();
                for _ in 0..5 {
                    change(libc::SIG_BLOCK);
                    while !is_pending() {}
                    assert_eq!(change_and_look(), (true, false), "asked, then answered");
                    assert_eq!(here, thread::current().id());
                }
            });
            hog.join().unwrap();
        });
    });
}

/// What waits with the P of a goroutine that blocks the signal is moved, and has its turn beside the hogs.
#[test]
fn what_waits_beside_it_goes_on() {
    alone("masks::what_waits_beside_it_goes_on", || {
        with_hogs(|| {
            let hog = gmp::go(|| {
                for _ in 0..5 {
                    change(libc::SIG_BLOCK);
                    let ran = Arc::new(AtomicUsize::new(0));
                    (0..20).for_each(|_| {
                        let ran = ran.clone();
                        drop(gmp::go(move || _ = ran.fetch_add(1, Ordering::Relaxed)));
                    });
                    let before = stops();
                    while ran.load(Ordering::Relaxed) < 20 {
                        std::hint::spin_loop();
                    }
                    // The eight hogs were there before them, some of which could be stopped meanwhile.
                    let slices = stops() - before;
                    assert!(slices <= 80, "{slices}");
                    change(libc::SIG_UNBLOCK);
                }
            });
            hog.join().unwrap();
        });
    });
}

/// Whether a signal was pending until the calling thread let it in, and whether it is afterwards.
fn change_and_look() -> (bool, bool) {
    let before = is_pending();
    assert!(change(libc::SIG_UNBLOCK));
    (before, is_pending())
}

/// What the checks above rest on.
#[test]
fn a_blocked_signal_is_seen_pending() {
    alone("masks::a_blocked_signal_is_seen_pending", || {
        change(libc::SIG_BLOCK);
        assert!(!is_pending());
        // SAFETY: to this thread, which blocks it.
        unsafe { libc::raise(libc::SIGURG) };
        assert!(is_pending());
        let mut taken = 0;
        // SAFETY: a valid set, and room for a number.
        unsafe { libc::sigwait(&only_urgent(), ptr::from_mut(&mut taken)) };
        assert_eq!((taken, is_pending()), (libc::SIGURG, false));
    });
}
