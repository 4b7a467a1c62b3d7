//! Deadlines of plain threads: never early, sticky, changeable while somebody waits; close ends waits.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::{Read as Reading, Write as Writing};
use gmp_netpoll::{Netpoll, Registration};

fn pair(netpoll: &Netpoll) -> (Registration<'_, UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (netpoll.register(ours).unwrap(), theirs)
}

fn read(ours: &Registration<'_, UnixStream>) -> std::io::Result<usize> {
    ours.run(Reading, |mut s| s.read(&mut [0; 16]))
}

/// Runs `then` once `count` waiters are parked.
fn when_parked(netpoll: &Netpoll, count: usize, then: impl FnOnce()) {
    let limit = Instant::now() + Duration::from_secs(60);
    while netpoll.waiting() < count {
        assert!(Instant::now() < limit, "nobody parks");
        thread::yield_now();
    }
    then();
}

#[test]
fn never_early() {
    let netpoll = Netpoll::new().unwrap();
    let (ours, _theirs) = pair(&netpoll);
    for micros in [1, 30, 700, 2_500, 20_000] {
        let start = Instant::now();
        let at = start + Duration::from_micros(micros);
        ours.set_deadline(Reading, Some(at));
        assert_eq!(read(&ours).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(Instant::now() >= at);
        // Sticky: the next operation fails as well, at once.
        assert_eq!(read(&ours).unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert_eq!(netpoll.waiting(), 0);
}

#[test]
fn the_past_fails_even_with_data_and_the_future_revives() {
    let netpoll = Netpoll::new().unwrap();
    let (ours, mut theirs) = pair(&netpoll);
    theirs.write_all(b"data").unwrap();
    ours.set_deadline(Reading, Some(Instant::now()));
    assert_eq!(read(&ours).unwrap_err().kind(), ErrorKind::TimedOut);
    // The other direction has its own.
    assert_eq!(ours.run(Writing, |mut s| s.write(b"x")).unwrap(), 1);
    ours.set_deadline(Reading, None);
    assert_eq!(read(&ours).unwrap(), 4);
}

#[test]
fn a_change_reaches_a_wait_that_goes_on() {
    let netpoll = Netpoll::new().unwrap();
    let (ours, _theirs) = pair(&netpoll);
    thread::scope(|s| {
        let reader = s.spawn(|| read(&ours).unwrap_err().kind());
        let at = Instant::now() + Duration::from_millis(5);
        when_parked(&netpoll, 1, || ours.set_deadline(Reading, Some(at)));
        assert_eq!(reader.join().unwrap(), ErrorKind::TimedOut);
        assert!(Instant::now() >= at);
    });
}

#[test]
fn close_ends_both_waits_and_all_later_ones() {
    let netpoll = Netpoll::new().unwrap();
    let (ours, _theirs) = pair(&netpoll);
    // Fill the pipe, so that the writer waits as well.
    while ours.get_ref().write(&[0; 65_536]).is_ok() {}
    while ours.get_ref().write(&[0]).is_ok() {}
    thread::scope(|s| {
        let reader = s.spawn(|| read(&ours).unwrap_err().kind());
        let writer = s.spawn(|| ours.run(Writing, |mut s| s.write(b"x")).unwrap_err().kind());
        when_parked(&netpoll, 2, || ours.close());
        assert_eq!(reader.join().unwrap(), ErrorKind::ConnectionAborted);
        assert_eq!(writer.join().unwrap(), ErrorKind::ConnectionAborted);
    });
    assert_eq!(read(&ours).unwrap_err().kind(), ErrorKind::ConnectionAborted);
    ours.close();
}

/// Deadlines against data, over and over: every byte arrives, whichever comes first. Few enough bytes for
/// the pipe to hold them all, as the reader may time out until the last deadline is lifted.
#[test]
fn no_data_is_lost_to_a_deadline() {
    let netpoll = Netpoll::new().unwrap();
    let (ours, mut theirs) = pair(&netpoll);
    thread::scope(|s| {
        s.spawn(|| {
            for i in 0..300u64 {
                ours.set_deadline(Reading, Some(Instant::now() + Duration::from_micros(i % 90)));
                if i % 2 == 0 {
                    theirs.write_all(b"x").unwrap();
                }
                thread::yield_now();
            }
            ours.set_deadline(Reading, None);
        });
        let mut bytes = 0;
        while bytes < 150 {
            match read(&ours) {
                Ok(n) => bytes += n,
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
        }
    });
}
