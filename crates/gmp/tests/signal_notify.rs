//! Signals on channels: who gets them, what is never lost, and when their old effect comes back.

mod util;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gmp::chan::{RecvTimeoutError, TryRecvError};
use gmp::signal::{Signal, ctrl_c, notify};

const LONG: Duration = Duration::from_secs(60);

fn raise(signal: Signal) {
    let this = std::process::id() as libc::pid_t;
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::kill(this, signal.as_raw()) }, 0);
}

#[gmp::test(unsafe)]
fn everybody_who_asked_gets_it() {
    let one = notify(&[Signal::SIGUSR1, Signal::SIGHUP]);
    let two = notify(&[Signal::SIGUSR1]);
    raise(Signal::SIGUSR1);
    assert_eq!(one.recv_timeout(LONG), Ok(Signal::SIGUSR1));
    assert_eq!(two.recv_timeout(LONG), Ok(Signal::SIGUSR1));
    raise(Signal::SIGHUP);
    let hup = gmp::select! {
        recv(one) -> signal => signal.unwrap(),
        default(LONG) => panic!("no signal"),
    };
    assert_eq!(hup, Signal::SIGHUP);
    assert_eq!(two.try_recv(), Err(TryRecvError::Empty));
}

/// Bursts on all of them: at least one of each number arrives for each burst, in whatever order.
#[gmp::test(unsafe)]
fn none_of_several_numbers_is_lost() {
    let signals = [Signal::SIGUSR2, Signal::SIGALRM, Signal::SIGWINCH, Signal::SIGTERM];
    let receiver = notify(&signals);
    for _ in 0..200 {
        signals.iter().for_each(|signal| raise(*signal));
        let mut missing: BTreeMap<_, _> = signals.iter().map(|s| (*s, ())).collect();
        while !missing.is_empty() {
            missing.remove(&receiver.recv_timeout(LONG).unwrap());
        }
    }
}

#[gmp::test(unsafe)]
fn unread_ones_are_dropped_and_hold_nobody_up() {
    let (lazy, eager) = (notify(&[Signal::SIGVTALRM]), notify(&[Signal::SIGVTALRM]));
    for _ in 0..500 {
        raise(Signal::SIGVTALRM);
        eager.recv_timeout(LONG).unwrap();
    }
    assert!(lazy.len() <= 128 && !lazy.is_empty());
}

#[gmp::test(unsafe)]
fn what_cannot_be_caught_is_left_out() {
    let receiver = notify(&[Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGSEGV, Signal::SIGURG]);
    // Others' handlers for faults and the runtime's for SIGURG are where they were.
    raise(Signal::SIGURG);
    assert_eq!(receiver.recv_timeout(Duration::from_millis(5)), Err(RecvTimeoutError::Timeout));
}

#[gmp::test(unsafe)]
fn a_handler_that_was_there_is_called_too() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: libc::c_int) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    let handler = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: `count` is async-signal-safe.
    unsafe { libc::signal(libc::SIGXCPU, handler) };
    let receiver = notify(&[Signal::SIGXCPU]);
    raise(Signal::SIGXCPU);
    assert_eq!(receiver.recv_timeout(LONG), Ok(Signal::SIGXCPU));
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

#[test]
fn plain_threads_need_no_runtime() {
    let receiver = notify(&[Signal::SIGIO]);
    raise(Signal::SIGIO);
    assert_eq!(receiver.recv(), Ok(Signal::SIGIO));
}

#[test]
fn the_second_ctrl_c_ends_the_process() {
    let status = util::child("the_second_ctrl_c_ends_the_process", || {
        // What a shell without job control starts in the background ignores it, and so would the child.
        // SAFETY: no preconditions.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        let body = || {
            let waiter = gmp::go(ctrl_c);
            // The handler is in place when the first signal is swallowed; until then it would be the end.
            let ready = notify(&[Signal::SIGINT]);
            raise(Signal::SIGINT);
            ready.recv().unwrap();
            while !waiter.is_finished() {
                raise(Signal::SIGINT);
                gmp::time::sleep(Duration::from_millis(1));
            }
            drop(ready);
            raise(Signal::SIGINT);
            gmp::time::sleep(LONG);
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { gmp::run(body) }
    });
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status.status), Some(libc::SIGINT));
}
