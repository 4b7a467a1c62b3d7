//! A goroutine that is locked to its OS thread stays there, alone, over every kind of park.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::time::Duration;

use gmp::chan;
use gmp::runtime::{Builder, lock_os_thread};

fn on(procs: usize, body: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park, but by goroutines that are locked to their thread.
    unsafe { Builder::new().max_procs(procs).run(body) }
}

fn here() -> ThreadId {
    thread::current().id()
}

/// Parks in every way that there is; each time on the same thread afterwards.
fn stays(other: &chan::Receiver<u32>) {
    let thread = here();
    let check = |how: &str| assert_eq!(here(), thread, "moved by {how}");
    for _ in 0..20 {
        gmp::yield_now();
        check("a yield");
        other.recv().unwrap();
        check("a channel");
        gmp::time::sleep(Duration::from_micros(200));
        check("a sleep");
        // Sleep: a thread that blocks is what is looked at.
        gmp::blocking(|| thread::sleep(Duration::from_micros(500)));
        check("a blocking section");
        // Sleep: as above.
        thread::sleep(Duration::from_micros(500));
        check("plain blocking");
        gmp::go(|| ()).join().unwrap();
        check("a join");
    }
}

#[test]
fn a_locked_goroutine_keeps_its_thread() {
    [1, 2, 4].into_iter().for_each(|procs| {
        on(procs, || {
            let (tx, rx) = chan::bounded(0);
            let all: Vec<_> = (0..6)
                .map(|_| {
                    let rx = rx.clone();
                    gmp::go(move || {
                        let _locked = lock_os_thread();
                        stays(&rx);
                    })
                })
                .collect();
            (0..120).for_each(|n| tx.send(n).unwrap());
            all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        });
    });
}

#[test]
fn nobody_else_runs_on_a_locked_thread() {
    on(2, || {
        let taken = Arc::new(Mutex::new(HashSet::new()));
        let (done, wait) = chan::bounded::<()>(0);
        let locked: Vec<_> = (0..3)
            .map(|_| {
                let (taken, wait) = (taken.clone(), wait.clone());
                gmp::go(move || {
                    let _locked = lock_os_thread();
                    assert!(taken.lock().unwrap().insert(here()), "two on one thread");
                    assert!(wait.recv().is_err());
                })
            })
            .collect();
        while taken.lock().unwrap().len() < 3 {
            gmp::yield_now();
        }
        for _ in 0..500 {
            let taken = taken.clone();
            gmp::go(move || assert!(!taken.lock().unwrap().contains(&here()))).join().unwrap();
            gmp::yield_now();
        }
        drop(done);
        locked.into_iter().for_each(|goroutine| goroutine.join().unwrap());
    });
}

#[test]
fn guards_nest_and_the_thread_is_given_back() {
    on(1, || {
        let (first, second) = (lock_os_thread(), lock_os_thread());
        let thread = here();
        drop(first);
        (0..20).for_each(|_| gmp::yield_now());
        assert_eq!(here(), thread);
        drop(second);
        // Unlocked it is a goroutine like the others: they run on its thread as well.
        assert_eq!(gmp::go(here).join().unwrap(), thread);
    });
}

#[test]
fn a_pinned_goroutine_is_locked_from_its_beginning_to_its_end() {
    on(2, || {
        let (tx, rx) = chan::bounded(0);
        let pinned = gmp::Builder::new().name("pinned").pinned();
        let pinned = pinned.spawn(move || stays(&rx)).unwrap();
        (0..20).for_each(|n| tx.send(n).unwrap());
        pinned.join().unwrap();
        let ends = gmp::Builder::new().pinned().spawn(|| std::panic::panic_any(7_u32)).unwrap();
        assert_eq!(ends.join().unwrap_err().downcast_ref(), Some(&7_u32));
        // Its guard forgotten, a goroutine is unlocked by its end.
        gmp::go(|| std::mem::forget(lock_os_thread())).join().unwrap();
        (0..200).for_each(|_| gmp::go(gmp::yield_now).join().unwrap());
    });
}

#[test]
fn on_a_plain_thread_it_does_nothing() {
    let _locked = lock_os_thread();
}
