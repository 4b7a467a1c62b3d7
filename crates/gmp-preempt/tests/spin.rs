//! A thread that computes, and never asks, is stopped and resumed.

mod common;

use std::{
    hint,
    sync::atomic::Ordering,
    sync::{Arc, OnceLock},
    thread,
};

use common::{Hog, in_child, wait_for};
use gmp_preempt::Target;

#[test]
fn a_hog_stops_and_goes_on() {
    in_child("a_hog_stops_and_goes_on", || {
        let hog = Hog::start(|_| hint::spin_loop());
        hog.stop_and_go(200);
        hog.finish();
    });
}

#[test]
fn a_stopped_hog_does_nothing() {
    in_child("a_stopped_hog_does_nothing", || {
        let hog = Hog::start(|_| hint::spin_loop());
        hog.stop();
        wait_for("the hog to sleep", || hog.target.is_asleep().expect("state"));
        let (rounds, cpu) = (hog.rounds.load(Ordering::Relaxed), hog.target.cpu_time().unwrap());
        // Other threads come and go meanwhile; it stays where it is.
        for _ in 0..100 {
            thread::spawn(|| ()).join().unwrap();
        }
        assert_eq!(hog.rounds.load(Ordering::Relaxed), rounds);
        assert_eq!(hog.target.cpu_time().unwrap(), cpu);
        hog.target.resume();
        wait_for("progress", || hog.rounds.load(Ordering::Relaxed) > rounds);
        hog.finish();
    });
}

#[test]
fn resuming_who_is_not_stopped_does_nothing() {
    in_child("resuming_who_is_not_stopped_does_nothing", || {
        let hog = Hog::start(|_| hint::spin_loop());
        hog.target.resume();
        hog.stop();
        assert!(hog.target.is_stopped(), "an early resume is not saved up");
        hog.target.request().expect("a request to a stopped thread is nothing new");
        hog.target.resume();
        hog.target.resume();
        hog.stop_and_go(10);
        hog.finish();
    });
}

/// `on_stop` resumes its own thread before it has gone to sleep: the shortest hand-over there can be.
#[test]
fn a_resume_before_the_sleep_counts() {
    type Slot = OnceLock<Arc<Target>>;
    unsafe fn resume_at_once(ctx: *const ()) -> bool {
        // SAFETY: the slot below, which lives for ever.
        let slot = unsafe { &*ctx.cast::<Slot>() };
        if let Some(target) = slot.get() {
            target.resume();
        }
        true
    }
    in_child("a_resume_before_the_sleep_counts", || {
        let slot: &'static Slot = Box::leak(Box::default());
        let ctx = std::ptr::from_ref(slot).cast();
        // SAFETY: `resume_at_once` is async-signal-safe; `slot` lives for ever.
        let target = unsafe { Target::attach(resume_at_once, ctx) }.unwrap();
        slot.set(target.clone()).unwrap();
        for _ in 0..10_000 {
            target.request().unwrap();
            target.stop_self();
        }
        target.detach();
    });
}

#[test]
fn attach_is_once_per_thread_and_detach_ends_it() {
    in_child("attach_is_once_per_thread_and_detach_ends_it", || {
        let attach = || {
            // SAFETY: `always` does nothing and ignores its argument.
            unsafe { Target::attach(common::always, std::ptr::null()) }
        };
        let first = attach().unwrap();
        assert_eq!(attach().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        first.detach();
        first.detach();
        assert_eq!(first.request().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        assert_eq!(first.cpu_time().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        attach().unwrap().detach();
        assert!(gmp_preempt::is_installed().unwrap());
    });
}
