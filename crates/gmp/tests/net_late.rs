//! Deadlines from a nanosecond to a second: never early, and the median no more than a tenth late.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use gmp::net::UnixStream;

/// What a wake-up may take on a machine that does other things as well, whatever the deadline's length.
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

#[gmp::test(unsafe)]
fn from_a_nanosecond_to_a_second() {
    let (mut ours, _theirs) = UnixStream::pair().unwrap();
    for exponent in 0..=9 {
        let time = Duration::from_nanos(10u64.pow(exponent));
        let tries = if exponent > 8 { 1 } else { 5 };
        let mut all: Vec<_> = (0..tries).map(|_| late(&mut ours, time)).collect();
        all.sort();
        let median = all[all.len() / 2];
        assert!(median <= time / 10 + WAKE_UP, "{time:?}: {median:?} late");
    }
}
