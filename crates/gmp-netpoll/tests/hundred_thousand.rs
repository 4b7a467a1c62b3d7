//! A hundred thousand descriptors in one poller: each waiter gets its event once, none is missed.
//!
//! They are duplicates of one end of a pair, each a registration of its own, so that one byte is an event for
//! all. Where the limit of descriptors cannot be raised, as many as there may be.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use gmp_netpoll::Direction::Read;
use gmp_netpoll::{Armed, Netpoll};

const WANTED: u64 = 100_000;

/// A node as a runtime would have it, found again through the word.
#[repr(align(16))]
struct Node(usize);

/// Raises the limit, the hard one too if that is allowed; how many descriptors may be opened.
fn allowance() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is written.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    for hard in [limit.rlim_max.max(WANTED + 200), limit.rlim_max] {
        let raised = libc::rlimit { rlim_cur: hard, rlim_max: hard };
        // SAFETY: `raised` is read.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            return hard.min(WANTED + 200) as usize - 200;
        }
    }
    limit.rlim_cur as usize - 200
}

#[test]
fn every_waiter_is_found() {
    let count = allowance();
    let netpoll = Netpoll::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let descriptors: Vec<OwnedFd> =
        (0..count).map(|_| ours.as_fd().try_clone_to_owned().unwrap()).collect();
    let nodes: Vec<Node> = (0..count).map(Node).collect();
    let mut sources = Vec::with_capacity(count);
    for (descriptor, node) in descriptors.iter().zip(&nodes) {
        // SAFETY: detached at the end, before the descriptors are closed.
        let source = unsafe { netpoll.attach(descriptor.as_fd()) }.unwrap();
        assert!(source.consume(Read), "a new descriptor is worth one attempt");
        assert_eq!(source.arm(Read, NonNull::from(node).cast()), Armed::Waiting);
        sources.push(source);
    }
    assert_eq!(netpoll.waiting(), count);

    theirs.write_all(b"!").unwrap();
    let mut woken = vec![0u8; count];
    let limit = Instant::now() + Duration::from_secs(60);
    while netpoll.waiting() > 0 {
        assert!(Instant::now() < limit, "{} are still waiting", netpoll.waiting());
        let mut note = |raw: NonNull<()>| {
            // SAFETY: a node of ours, alive to the end of the test.
            woken[unsafe { raw.cast::<Node>().as_ref() }.0] += 1;
        };
        let _ = netpoll.poll(Some(Duration::from_secs(1)), &mut note).unwrap();
    }
    assert!(woken.iter().all(|times| *times == 1), "somebody was woken twice or not at all");
    for (source, descriptor) in sources.into_iter().zip(&descriptors) {
        source.detach(descriptor.as_fd()).unwrap();
    }
}
