//! Goroutines that block their thread without saying so do not stop the others, and are not disturbed.

mod round_trips;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, metrics};
use round_trips::round_trips;

const PROCS: usize = 2;

fn on(procs: usize, body: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(procs).run(body) }
}

fn pairs() -> (Vec<UnixStream>, Vec<UnixStream>) {
    (0..2 * PROCS).map(|_| UnixStream::pair().unwrap()).unzip()
}

#[test]
fn reading_from_a_socket_of_std() {
    on(PROCS, || {
        let signals = metrics().total.preempted_by_signal;
        let (readers, writers) = pairs();
        let begun = Arc::new(AtomicUsize::new(0));
        let blocked: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                let begun = begun.clone();
                gmp::go(move || {
                    let before = thread::current().id();
                    begun.fetch_add(1, Ordering::Relaxed);
                    let mut bytes = [0; 4];
                    // One call, which must not be interrupted.
                    let length = reader.read(&mut bytes).unwrap();
                    assert_eq!(before, thread::current().id(), "blocking is not a park");
                    gmp::yield_now();
                    (length, bytes)
                })
            })
            .collect();
        // More than there are processors: the last of them runs because the first ones have lost theirs.
        while begun.load(Ordering::Relaxed) < 2 * PROCS {
            gmp::yield_now();
        }
        round_trips();
        writers.into_iter().for_each(|mut writer| writer.write_all(b"gmp!").unwrap());
        for goroutine in blocked {
            assert_eq!(goroutine.join().unwrap(), (4, *b"gmp!"));
        }
        let all = metrics().total;
        assert!(all.retaken > 0, "nobody slept");
        assert_eq!(all.preempted_by_signal, signals, "a thread that sleeps was sent a signal");
    });
}

/// Each waits for a lock that a goroutine holds which needs a processor to release it.
#[test]
fn waiting_for_a_lock_whose_holder_is_parked() {
    on(PROCS, || {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let waiters: Vec<_> = (0..2 * PROCS)
            .map(|_| {
                let shared = shared.clone();
                gmp::go(move || {
                    let mut number = shared.0.lock().unwrap();
                    while *number < 3 {
                        number = shared.1.wait(number).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            round_trips();
            *shared.0.lock().unwrap() += 1;
            shared.1.notify_all();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

/// Who has lost its processor and computes is one hog among the others: all of them come to an end.
#[test]
fn computing_after_having_slept() {
    on(1, || {
        let rounds = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..4)
            .map(|_| {
                let rounds = rounds.clone();
                gmp::go(move || {
                    for _ in 0..5 {
                        let before = thread::current().id();
                        // Sleep: a thread that blocks is what is looked at.
                        thread::sleep(Duration::from_millis(2));
                        let until = Instant::now() + Duration::from_millis(2);
                        while Instant::now() < until {
                            std::hint::spin_loop();
                        }
                        assert_eq!(before, thread::current().id());
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        assert_eq!(rounds.load(Ordering::Relaxed), 20);
    });
}

/// A runtime ends although goroutines sleep; none of them runs afterwards.
#[test]
fn sleepers_do_not_outlive_the_runtime() {
    let ran = Arc::new(AtomicUsize::new(0));
    on(PROCS, || {
        for _ in 0..2 * PROCS {
            let ran = ran.clone();
            gmp::go(move || {
                // Sleep: as above.
                thread::sleep(Duration::from_millis(50));
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
        round_trips();
        // All of them sleep by now, or have not begun.
    });
    let at_the_end = ran.load(Ordering::Relaxed);
    // The next runtime is the proof that time has passed.
    on(1, || gmp::time::sleep(Duration::from_millis(120)));
    assert_eq!(ran.load(Ordering::Relaxed), at_the_end);
}
