//! Deadlines from a nanosecond to a second: never early, and the median no more than a tenth late.

use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

use gmp::net::UnixStream;

/// What a wake-up may take on a machine that does nothing else, whatever the deadline's length.
const WAKE_UP: Duration = Duration::from_millis(2);

/// How late a read with this much time was.
fn late(stream: &mut UnixStream, time: Duration) -> Duration {
    let at = Instant::now() + time;
    stream.set_read_deadline(Some(at)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    let now = Instant::now();
    assert!(now >= at, "{:?} early", at - now);
    now - at
}

/// How late a plain thread was that slept for as long at the same time: what the machine adds today.
fn plain(time: Duration) -> thread::JoinHandle<Duration> {
    thread::spawn(move || {
        let start = Instant::now();
        thread::sleep(time); // Sleep: the yardstick.
        start.elapsed() - time
    })
}

#[gmp::test(unsafe)]
fn from_a_nanosecond_to_a_second() {
    let (mut ours, _theirs) = UnixStream::pair().unwrap();
    for exponent in 0..=9 {
        let time = Duration::from_nanos(10u64.pow(exponent));
        let tries = if exponent > 8 { 3 } else { 7 };
        let (mut all, mut yardstick) = (Vec::new(), Duration::ZERO);
        for _ in 0..tries {
            let beside = plain(time);
            all.push(late(&mut ours, time));
            yardstick = yardstick.max(gmp::blocking(|| beside.join().unwrap()));
        }
        all.sort();
        let median = all[tries / 2];
        let bound = time / 10 + WAKE_UP + 2 * yardstick;
        assert!(median <= bound, "{time:?}: {median:?} late, a plain thread {yardstick:?}");
    }
}
