//! The monitor: fair slices, slots kept, sleepers do not cost one.

mod common;

use std::{
    hint,
    io::{Read, Write},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{in_child, pipe, wait_for};
use gmp_preempt::Monitor;

/// Runs `count` hogs on `slots` for `span`; returns their CPU times.
fn shares(count: usize, slots: usize, slice: Duration, span: Duration) -> Vec<Duration> {
    let monitor = Monitor::new(slots, slice).unwrap();
    let (ready, quit) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let hogs: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let turn = monitor.enroll().unwrap();
                    let before = turn.target().cpu_time().unwrap();
                    ready.fetch_add(1, Ordering::Relaxed);
                    while !quit.load(Ordering::Relaxed) {
                        hint::spin_loop();
                    }
                    turn.target().cpu_time().unwrap() - before
                })
            })
            .collect();
        wait_for("every hog's first slice", || ready.load(Ordering::Relaxed) == count);
        let start = Instant::now();
        wait_for("the span to pass", || {
            thread::park_timeout(Duration::from_millis(50));
            start.elapsed() >= span
        });
        quit.store(true, Ordering::Relaxed);
        hogs.into_iter().map(|hog| hog.join().unwrap()).collect()
    })
}

/// Eight hogs that never ask share one slot: nobody gets less than half of the fair share, which leaves
/// room for whatever else the machine is doing. (Alone on a machine they are within a few per cent.)
#[test]
fn hogs_share_a_slot_fairly() {
    in_child("hogs_share_a_slot_fairly", || {
        let shares = shares(8, 1, Duration::from_millis(5), Duration::from_secs(2));
        let fair = shares.iter().sum::<Duration>() / 8;
        assert!(shares.iter().all(|&share| share * 2 > fair), "{shares:?}");
    });
}

/// With one slot, four hogs together use no more CPU than one thread could.
#[test]
fn one_slot_means_one_at_a_time() {
    in_child("one_slot_means_one_at_a_time", || {
        let start = Instant::now();
        let shares = shares(4, 1, Duration::from_millis(2), Duration::from_secs(1));
        let used: Duration = shares.iter().sum();
        assert!(used <= start.elapsed() + start.elapsed() / 10, "{used:?} of CPU on one slot");
    });
}

/// A member that sleeps in the kernel, and never says so, does not keep the slot from the others.
#[test]
fn a_sleeper_gives_its_slot_away() {
    in_child("a_sleeper_gives_its_slot_away", || {
        let monitor = Monitor::new(1, Duration::from_millis(2)).unwrap();
        let (mut reader, mut writer) = pipe();
        let asleep = AtomicBool::new(false);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                let _turn = monitor.enroll().unwrap();
                asleep.store(true, Ordering::Relaxed);
                let mut byte = [0];
                reader.read_exact(&mut byte).map(|()| byte[0])
            });
            wait_for("the sleeper to have the slot", || asleep.load(Ordering::Relaxed));
            let other = scope.spawn(|| {
                let _turn = monitor.enroll().unwrap();
                (0..1_000_000).fold(0_u64, |sum, number| hint::black_box(sum + number))
            });
            assert_eq!(other.join().unwrap(), 499_999_500_000);
            assert!(!sleeper.is_finished(), "it was to sleep all the while");
            writer.write_all(b"x").unwrap();
            assert_eq!(sleeper.join().unwrap().unwrap(), b'x');
        });
    });
}

/// Members come and go, allocate, lock and print while they are sliced; each ends with its result.
#[test]
fn members_come_and_go() {
    in_child("members_come_and_go", || {
        let monitor = Monitor::new(2, Duration::from_micros(500)).unwrap();
        let total = std::sync::Mutex::new(0_u64);
        thread::scope(|scope| {
            for number in 0..64_u64 {
                let (monitor, total) = (&monitor, &total);
                scope.spawn(move || {
                    for _ in 0..4 {
                        let _turn = monitor.enroll().unwrap();
                        let text: String =
                            (0..2_000).map(|digit| (b'0' + digit as u8 % 10) as char).collect();
                        *total.lock().unwrap() += number * text.len() as u64;
                    }
                });
            }
        });
        assert_eq!(total.into_inner().unwrap(), 4 * 2_000 * (63 * 64 / 2));
    });
}

#[test]
fn arguments_are_checked() {
    assert!(Monitor::new(0, Duration::from_millis(1)).is_err());
    assert!(Monitor::new(1, Duration::ZERO).is_err());
}
