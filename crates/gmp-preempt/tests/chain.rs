//! A handler that was there before gets what is not ours, and nothing else. `errno` is kept.

mod common;

use std::{
    ptr,
    sync::atomic::{AtomicI32, AtomicUsize, Ordering},
    thread,
};

use common::{Hog, always, in_child, wait_for};
use gmp_preempt::Target;

static FOREIGN: AtomicUsize = AtomicUsize::new(0);
static WITH_INFO: AtomicI32 = AtomicI32::new(0);

extern "C" fn plain(signal: libc::c_int) {
    assert_eq!(signal, libc::SIGURG);
    FOREIGN.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn with_info(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's own.
    WITH_INFO.store(unsafe { (*info).si_signo }, Ordering::Relaxed);
    plain(signal);
}

fn set_handler(handler: libc::sighandler_t, flags: libc::c_int) {
    // SAFETY: all zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    (action.sa_sigaction, action.sa_flags) = (handler, flags);
    // SAFETY: a valid action.
    assert_eq!(unsafe { libc::sigaction(libc::SIGURG, &action, ptr::null_mut()) }, 0);
}

fn send_foreign() {
    let process = std::process::id() as libc::pid_t;
    // SAFETY: sends a signal to this process, which handles it.
    assert_eq!(unsafe { libc::kill(process, libc::SIGURG) }, 0);
}

fn check_chain() {
    let hog = Hog::start(|_| std::hint::spin_loop());
    for round in 1..=100 {
        send_foreign();
        wait_for("the foreign signal", || FOREIGN.load(Ordering::Relaxed) == round);
        hog.stop_and_go(1);
        assert_eq!(FOREIGN.load(Ordering::Relaxed), round, "one of ours went to the other handler");
    }
    hog.finish();
}

#[test]
fn a_plain_handler_is_chained() {
    in_child("a_plain_handler_is_chained", || {
        set_handler(plain as extern "C" fn(_) as libc::sighandler_t, 0);
        check_chain();
    });
}

#[test]
fn a_handler_with_info_is_chained() {
    in_child("a_handler_with_info_is_chained", || {
        set_handler(with_info as extern "C" fn(_, _, _) as libc::sighandler_t, libc::SA_SIGINFO);
        check_chain();
        assert_eq!(WITH_INFO.load(Ordering::Relaxed), libc::SIGURG);
    });
}

#[test]
fn without_a_handler_foreign_signals_are_ignored() {
    in_child("without_a_handler_foreign_signals_are_ignored", || {
        let hog = Hog::start(|_| std::hint::spin_loop());
        for _ in 0..100 {
            send_foreign();
        }
        hog.stop_and_go(10);
        hog.finish();
    });
}

/// Ours is still pending when the thread detaches, and comes afterwards: nobody hears of it.
#[test]
fn a_late_signal_is_dropped() {
    in_child("a_late_signal_is_dropped", || {
        set_handler(plain as extern "C" fn(_) as libc::sighandler_t, 0);
        // SAFETY: `always` does nothing and ignores its argument.
        let target = unsafe { Target::attach(always, ptr::null()) }.unwrap();
        // SAFETY: all zero is a valid set.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: a valid set.
        unsafe { libc::sigaddset(&mut set, libc::SIGURG) };
        // SAFETY: a valid set.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) };
        thread::scope(|scope| scope.spawn(|| target.request().unwrap()).join().unwrap());
        target.detach();
        // SAFETY: a valid set; the pending signal is delivered before this returns.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut()) };
        assert_eq!(FOREIGN.load(Ordering::Relaxed), 0);
        // SAFETY: the calling thread, which handles it before this returns.
        unsafe { libc::raise(libc::SIGURG) };
        assert_eq!(FOREIGN.load(Ordering::Relaxed), 1, "the check above can fail");
    });
}

/// `on_stop` itself spoils errno; the thread never sees it, in the handler or at a section's end.
#[test]
fn errno_is_kept() {
    static SPOILT: AtomicUsize = AtomicUsize::new(0);
    unsafe fn spoil(_: *const ()) -> bool {
        // SAFETY: fails, which is the point.
        unsafe { libc::close(-1) };
        SPOILT.fetch_add(1, Ordering::Relaxed);
        false
    }
    in_child("errno_is_kept", || {
        let hog = Hog::with(spoil, |round| {
            let value = round as i32 % 1000;
            // SAFETY: no obligation.
            let errno = unsafe { libc::__errno_location() };
            // SAFETY: the calling thread's own.
            unsafe { *errno = value };
            let held = (round % 2 == 0).then(gmp_preempt::critical);
            for _ in 0..100 {
                std::hint::spin_loop();
            }
            drop(held);
            assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(value));
        });
        for round in 1..=1000 {
            wait_for("the handler", || {
                // One that meets the decision of the one before is answered by that.
                hog.target.request().unwrap();
                SPOILT.load(Ordering::Relaxed) >= round
            });
        }
        hog.finish();
    });
}
