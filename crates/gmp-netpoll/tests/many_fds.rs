//! Thousands of descriptors in one poller, served by a handful of threads or a single polling loop.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::thread;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::Read as Reading;
use gmp_netpoll::{Armed, Netpoll};

/// 2,000 pairs are 4,000 descriptors: within the usual soft limits of build machines that raise theirs.
const PAIRS: usize = 2_000;

/// A node as a runtime would have it, found again through the word.
#[repr(align(16))]
struct Node(usize);

#[test]
fn each_waiter_gets_its_own_event() {
    let netpoll = Netpoll::new().unwrap();
    let nodes: Vec<_> = (0..PAIRS).map(Node).collect();
    let pairs: Vec<_> = (0..PAIRS).map(|_| UnixStream::pair().expect("raise ulimit -n")).collect();
    // SAFETY: detached at the end.
    let sources: Vec<_> =
        pairs.iter().map(|(ours, _)| unsafe { netpoll.attach(ours.as_fd()).unwrap() }).collect();
    for (source, node) in sources.iter().zip(&nodes) {
        assert!(source.consume(Reading), "a new descriptor is worth one attempt");
        assert_eq!(source.arm(Reading, NonNull::from(node).cast()), Armed::Waiting);
    }
    assert_eq!(netpoll.waiting(), PAIRS);
    let writer = thread::scope(|s| {
        s.spawn(|| {
            for (_, theirs) in pairs.iter().rev() {
                (&mut &*theirs).write_all(b"x").unwrap();
            }
        });
        let mut woken = vec![0; PAIRS];
        let limit = Instant::now() + Duration::from_secs(60);
        while netpoll.waiting() > 0 && Instant::now() < limit {
            let _ = netpoll
                // SAFETY: only nodes of this test were armed, and they are alive.
                .poll(Some(Duration::from_secs(1)), &mut |raw| unsafe {
                    woken[raw.cast::<Node>().as_ref().0] += 1;
                })
                .unwrap();
        }
        woken
    });
    assert!(writer.iter().all(|&times| times == 1));
    for (source, (ours, _)) in sources.into_iter().zip(&pairs) {
        source.detach(ours.as_fd()).unwrap();
    }
}

/// More waiting threads than one: the leader's place is passed on until all are done.
#[test]
fn threads_lead_for_each_other() {
    const THREADS: usize = 40;
    let netpoll = Netpoll::new().unwrap();
    thread::scope(|s| {
        let mut peers = Vec::new();
        for i in 0..THREADS {
            let (ours, theirs) = UnixStream::pair().unwrap();
            peers.push(theirs);
            let netpoll = &netpoll;
            s.spawn(move || {
                ours.set_nonblocking(true).unwrap();
                let ours = netpoll.register(ours).unwrap();
                let mut byte = [0];
                for _ in 0..50 {
                    ours.run(Reading, |mut s| s.read(&mut byte)).unwrap();
                    assert_eq!(byte[0] as usize, i);
                    ours.run(gmp_netpoll::Direction::Write, |mut s| s.write(&byte)).unwrap();
                }
            });
        }
        for _ in 0..50 {
            // In both orders, so that leaders finish before and after their followers.
            for (i, peer) in peers.iter_mut().enumerate() {
                peer.write_all(&[i as u8]).unwrap();
            }
            for peer in peers.iter_mut().rev() {
                peer.read_exact(&mut [0]).unwrap();
            }
        }
    });
    assert_eq!(netpoll.waiting(), 0);
}
