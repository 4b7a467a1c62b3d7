//! An event of a closed descriptor does not reach the next one: same number, same slot, new generation.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::thread;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::Read as Reading;
use gmp_netpoll::{Armed, Netpoll};

/// Descriptors are closed with events in the kernel's queue, and their numbers and slots reused, while the
/// poller is about to look at those events. Whoever then waits, waits for its own byte.
#[test]
fn a_storm_of_reopened_numbers_delivers_every_byte_to_its_own() {
    let netpoll = Netpoll::new().unwrap();
    let mut reused = 0;
    thread::scope(|s| {
        let storms: Vec<_> = (0..3)
            .map(|_| {
                s.spawn(|| {
                    let (mut last, mut reused) = (-1, 0);
                    for round in 0..3_000u32 {
                        let (ours, mut theirs) = UnixStream::pair().unwrap();
                        ours.set_nonblocking(true).unwrap();
                        reused += usize::from(ours.as_raw_fd() == last);
                        last = ours.as_raw_fd();
                        let ours = netpoll.register(ours).unwrap();
                        theirs.write_all(&round.to_ne_bytes()).unwrap();
                        if round % 3 == 0 {
                            // Closed with its event on the way.
                            continue;
                        }
                        let mut got = [0; 4];
                        let n = ours.run(Reading, |mut s| s.read(&mut got)).unwrap();
                        assert_eq!((n, u32::from_ne_bytes(got)), (4, round));
                        drop(theirs);
                        assert_eq!(ours.run(Reading, |mut s| s.read(&mut got)).unwrap(), 0);
                    }
                    reused
                })
            })
            .collect();
        reused = storms.into_iter().map(|storm| storm.join().unwrap()).sum();
    });
    assert!(reused > 100, "only {reused} numbers were reused: nothing was tested");
    assert_eq!(netpoll.waiting(), 0);
}

/// One event, deterministically stale: its registration ends without the kernel's knowledge, because a
/// duplicate of the descriptor keeps the file open.
#[test]
fn an_event_with_an_old_generation_is_dropped() {
    let netpoll = Netpoll::new().unwrap();
    let (old, mut old_peer) = UnixStream::pair().unwrap();
    let _keeps_the_file_open = old.try_clone().unwrap();
    // SAFETY: "detached" below, by a descriptor that the kernel does not know, on purpose.
    let source = unsafe { netpoll.attach(old.as_fd()).unwrap() };
    let (new, mut new_peer) = UnixStream::pair().unwrap();
    assert!(source.detach(new.as_fd()).is_err());
    drop(old);

    new.set_nonblocking(true).unwrap();
    // SAFETY: detached below.
    let source = unsafe { netpoll.attach(new.as_fd()).unwrap() };
    let node = 0u128;
    let raw = NonNull::from(&node).cast::<()>();
    assert!(source.consume(Reading));
    assert_eq!(source.arm(Reading, raw), Armed::Waiting);

    // The slot is the same; this event carries the old generation.
    old_peer.write_all(b"stale").unwrap();
    let mut woken = Vec::new();
    for _ in 0..3 {
        let _ = netpoll.poll(Some(Duration::from_millis(2)), &mut |raw| woken.push(raw)).unwrap();
    }
    assert!(woken.is_empty(), "the new descriptor's waiter got the old one's event");
    assert_eq!(netpoll.waiting(), 1);

    new_peer.write_all(b"fresh").unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    while woken.is_empty() && Instant::now() < limit {
        let _ = netpoll.poll(Some(Duration::from_secs(1)), &mut |raw| woken.push(raw)).unwrap();
    }
    assert_eq!(woken, [raw]);
    source.detach(new.as_fd()).unwrap();
}
