//! `wake` ends the poll that goes on or the next one, once for any number of calls, and costs nothing after.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp_netpoll::{Netpoll, Polled};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

fn nobody(_: NonNull<()>) {
    panic!("nobody waits");
}

#[test]
fn a_wake_that_came_first_ends_the_next_blocking_poll() {
    let netpoll = Netpoll::new().unwrap();
    netpoll.wake();
    let start = Instant::now();
    assert_eq!(netpoll.poll(LONG, &mut nobody).unwrap(), Polled::Woken(0));
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_poll_that_does_not_block_leaves_the_wake_to_one_that_does() {
    let netpoll = Netpoll::new().unwrap();
    netpoll.wake();
    for _ in 0..3 {
        let _ = netpoll.poll(Some(Duration::ZERO), &mut nobody).unwrap();
    }
    let start = Instant::now();
    let _ = netpoll.poll(LONG, &mut nobody).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn many_wakes_are_soon_forgotten() {
    let netpoll = Netpoll::new().unwrap();
    (0..1000).for_each(|_| netpoll.wake());
    let _ = netpoll.poll(LONG, &mut nobody).unwrap();
    // One left-over event at most; then polls last their time.
    let pause = Duration::from_millis(20);
    let _ = netpoll.poll(Some(pause), &mut nobody).unwrap();
    let start = Instant::now();
    let _ = netpoll.poll(Some(pause), &mut nobody).unwrap();
    assert!(start.elapsed() >= pause);
}

#[test]
fn every_message_is_seen_by_a_blocked_poller() {
    const MESSAGES: usize = 20_000;
    let netpoll = Netpoll::new().unwrap();
    let (sent, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|s| {
        s.spawn(|| {
            for message in 1..=MESSAGES {
                sent.store(message, Ordering::Release);
                netpoll.wake();
                while seen.load(Ordering::Acquire) < message {
                    thread::yield_now();
                }
            }
        });
        while seen.load(Ordering::Relaxed) < MESSAGES {
            let _ = netpoll.poll(None, &mut nobody).unwrap();
            seen.store(sent.load(Ordering::Acquire), Ordering::Release);
        }
    });
}

#[test]
fn a_second_poller_is_told() {
    let netpoll = Netpoll::new().unwrap();
    thread::scope(|s| {
        let first = s.spawn(|| {
            loop {
                match netpoll.poll(None, &mut nobody).unwrap() {
                    Polled::Busy => thread::yield_now(),
                    woken => return woken,
                }
            }
        });
        let limit = Instant::now() + Duration::from_secs(60);
        while netpoll.poll(Some(Duration::ZERO), &mut nobody).unwrap() != Polled::Busy {
            assert!(Instant::now() < limit, "the first poller never sat down");
            thread::yield_now();
        }
        netpoll.wake();
        assert_eq!(first.join().unwrap(), Polled::Woken(0));
    });
}

#[test]
fn polls_last_as_long_as_asked() {
    let netpoll = Netpoll::new().unwrap();
    for micros in [1, 50, 900, 3_000] {
        let asked = Duration::from_micros(micros);
        let start = Instant::now();
        let _ = netpoll.poll(Some(asked), &mut nobody).unwrap();
        assert!(start.elapsed() >= asked, "{:?} for {asked:?}", start.elapsed());
    }
}
