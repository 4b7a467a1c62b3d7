//! What uses an edge up: a short transfer does, a full one does not, the end of the stream never.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gmp_netpoll::Direction::{Read as Reading, Write as Writing};
use gmp_netpoll::{Netpoll, Source};

struct Fixture<'p> {
    netpoll: &'p Netpoll,
    ours: UnixStream,
    theirs: Option<UnixStream>,
    source: Source<'p>,
}

/// A pair whose first edges are used up.
fn fixture(netpoll: &Netpoll) -> Fixture<'_> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    // SAFETY: detached by the kernel when `ours` is closed, of which there is no duplicate.
    let source = unsafe { netpoll.attach(ours.as_fd()).unwrap() };
    let fixture = Fixture { netpoll, ours, theirs: Some(theirs), source };
    fixture.poll();
    assert!(fixture.source.consume(Reading) && fixture.source.consume(Writing));
    fixture
}

impl Fixture<'_> {
    /// Collects what the kernel has to report by now.
    fn poll(&self) {
        let _ = self.netpoll.poll(Some(Duration::ZERO), &mut |_| panic!("nobody waits")).unwrap();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.theirs.as_mut().unwrap().write_all(bytes).unwrap();
        self.poll();
    }

    /// As the head of `source.rs` says: consume, read, settle.
    fn read(&mut self, wanted: usize) -> Option<usize> {
        if !self.source.consume(Reading) {
            return None;
        }
        let n = self.ours.read(&mut vec![0; wanted]).ok()?;
        assert!(self.source.settle(Reading, n, wanted).is_none());
        Some(n)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_short_read_uses_the_edge_up() {
    let netpoll = Netpoll::new().unwrap();
    let mut f = fixture(&netpoll);
    f.send(b"abc");
    assert_eq!(f.read(10), Some(3));
    assert_eq!(f.read(10), None, "no vain system call after a short read");
    f.send(b"d");
    assert_eq!(f.read(10), Some(1));
}

#[test]
fn a_full_read_does_not() {
    let netpoll = Netpoll::new().unwrap();
    let mut f = fixture(&netpoll);
    f.send(b"abcdef");
    assert_eq!(f.read(4), Some(4));
    assert_eq!(f.read(4), Some(2));
    f.send(b"abcd");
    assert_eq!(f.read(4), Some(4));
    // Nothing is left, but a full read cannot know: one attempt, then quiet.
    assert!(f.source.consume(Reading));
    assert!(f.ours.read(&mut [0; 4]).is_err());
    assert!(!f.source.consume(Reading));
}

/// The trap of short reads: data and end of stream arrive as one edge.
#[test]
fn the_end_that_came_with_the_data_is_found() {
    let netpoll = Netpoll::new().unwrap();
    let mut f = fixture(&netpoll);
    f.theirs.as_mut().unwrap().write_all(b"bye").unwrap();
    f.theirs = None;
    f.poll();
    assert_eq!(f.read(10), Some(3));
    assert_eq!(f.read(10), Some(0));
    assert_eq!(f.read(10), Some(0), "the end stays");
}

#[test]
fn an_edge_during_the_read_is_remembered() {
    let netpoll = Netpoll::new().unwrap();
    let mut f = fixture(&netpoll);
    f.send(b"abc");
    assert!(f.source.consume(Reading));
    let n = f.ours.read(&mut [0; 10]).unwrap();
    f.send(b"late");
    assert!(f.source.settle(Reading, n, 10).is_none());
    assert_eq!(f.read(10), Some(4));
}

#[test]
fn room_after_a_full_pipe_is_an_edge() {
    let netpoll = Netpoll::new().unwrap();
    let mut f = fixture(&netpoll);
    while f.ours.write(&[0; 32_768]).is_ok() {}
    f.poll();
    let _ = f.source.consume(Writing);
    assert!(!f.source.consume(Writing));
    let peer = f.theirs.as_mut().unwrap();
    peer.set_nonblocking(true).unwrap();
    while peer.read(&mut [0; 32_768]).is_ok() {}
    f.poll();
    assert!(f.source.consume(Writing));
    assert!(f.ours.write(&[0; 8]).is_ok());
}
