//! Threads that sleep in the kernel: seen as such without a signal, and a signal does them no harm.

mod common;

use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
};

use common::{Hog, always, in_child, pipe, wait_for};
use gmp_preempt::{Probe, Target, Verdict};

#[test]
fn the_probe_tells_sleepers_from_hogs() {
    in_child("the_probe_tells_sleepers_from_hogs", || {
        let (mut reader, mut writer) = pipe();
        let sleeper = Hog::start(move |_| {
            let mut byte = [0];
            reader.read_exact(&mut byte).unwrap();
        });
        let hog = Hog::start(|_| std::hint::spin_loop());
        wait_for("the reader to sleep", || sleeper.target.is_asleep().unwrap());
        for _ in 0..100 {
            let (still, busy) =
                (Probe::start(&sleeper.target).unwrap(), Probe::start(&hog.target).unwrap());
            wait_for("the hog's clock", || busy.verdict(&hog.target).unwrap() == Verdict::Running);
            assert_eq!(still.verdict(&sleeper.target).unwrap(), Verdict::Sleeping);
            assert!(!hog.target.is_asleep().unwrap());
        }
        hog.finish();
        let quit = thread::spawn(move || sleeper.finish());
        wait_for("the reader to see the end", || {
            writer.write_all(b"x").is_err() || quit.is_finished()
        });
        quit.join().unwrap();
    });
}

/// A plain `read(2)` that a stop interrupts is restarted by the kernel: its caller sees no EINTR.
#[test]
fn a_read_goes_on_after_a_stop() {
    in_child("a_read_goes_on_after_a_stop", || {
        let (mut reader, mut writer) = pipe();
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            // SAFETY: `always` does nothing and ignores its argument.
            let target = unsafe { Target::attach(always, std::ptr::null()) }.unwrap();
            sender.send(Arc::clone(&target)).unwrap();
            let mut bytes = [0; 4];
            let length = reader.read(&mut bytes).expect("no EINTR");
            (length, bytes)
        });
        let target = receiver.recv().unwrap();
        for _ in 0..50 {
            wait_for("the reader to sleep", || !target.is_stopped() && target.is_asleep().unwrap());
            target.request().unwrap();
            wait_for("the reader to stop", || target.is_stopped());
            target.resume();
        }
        writer.write_all(b"gmp!").unwrap();
        assert_eq!(thread.join().unwrap(), (4, *b"gmp!"));
    });
}

#[test]
fn locks_and_condvars_survive_stops() {
    in_child("locks_and_condvars_survive_stops", || {
        let shared = Arc::new((Mutex::new(0_u64), Condvar::new()));
        let waiter = {
            let shared = Arc::clone(&shared);
            Hog::start(move |round| {
                let (number, changed) = &*shared;
                let mut number = number.lock().unwrap();
                while *number <= round {
                    number = changed.wait(number).unwrap();
                }
            })
        };
        for round in 1..=200 {
            waiter.stop();
            // The waiter may hold the lock: it is let go on before we take it.
            waiter.target.resume();
            *shared.0.lock().unwrap() = round;
            shared.1.notify_all();
            wait_for("the waiter's round", || {
                waiter.rounds.load(std::sync::atomic::Ordering::Relaxed) >= round
            });
        }
        let last = Arc::clone(&shared);
        let quit = thread::spawn(move || waiter.finish());
        wait_for("the waiter to end", || {
            *last.0.lock().unwrap() += 1;
            last.1.notify_all();
            quit.is_finished()
        });
        assert!(quit.join().unwrap() >= 200);
    });
}
