//! Everywhere but Linux: kqueue (and its likes) wholly through `polling`.
//!
//! `polling` registers both filters with `EV_CLEAR`, which is edge-triggered, and swallows signals itself.
//! It does not say which edge was the end of a stream, so short transfers are not trusted here.
//! On Linux the module is compiled for its tests only: they run against `polling`'s epoll.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::Event;

/// A short transfer says nothing: the end of the stream may have come on the same edge.
pub(crate) const SHORT_MEANS_DRAINED: bool = false;

/// `polling`'s poller.
#[derive(Debug)]
pub(crate) struct Selector(polling::Poller);

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        polling::Poller::new().map(Selector)
    }

    /// # Safety
    ///
    /// `fd` must be removed before it is closed.
    pub(crate) unsafe fn add(&self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        // Keys fit: the module above admits 64-bit systems only.
        let interest = polling::Event::all(key as usize);
        // SAFETY: removed before it is closed (contract).
        unsafe { self.0.add_with_mode(fd.as_raw_fd(), interest, polling::PollMode::Edge) }
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.delete(fd)
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        self.0.wait(&mut events.0, timeout).map(|_| ())
    }

    pub(crate) fn wake(&self) {
        // It fails only when the poller's own descriptors are broken, and then the next wait says so.
        let _ = self.0.notify();
    }
}

/// `polling`'s buffer; it never grows.
pub(crate) struct Events(polling::Events);

impl Events {
    pub(crate) fn with_capacity(capacity: usize) -> Events {
        Events(polling::Events::with_capacity(
            NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN),
        ))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| Event {
            key: event.key as u64,
            readable: event.readable,
            writable: event.writable,
            read_hang_up: false,
            write_hang_up: false,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const LONG: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn edges_are_reported_once() {
        const { assert!(!SHORT_MEANS_DRAINED) };
        let selector = Selector::new().unwrap();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        // SAFETY: removed below.
        unsafe { selector.add(ours.as_fd(), 1 << 40).unwrap() };
        let mut events = Events::with_capacity(4);
        theirs.write_all(b"x").unwrap();
        selector.wait(&mut events, LONG).unwrap();
        let event = events.iter().next().unwrap();
        assert!(event.key == 1 << 40 && event.readable && event.writable);
        assert!(!event.read_hang_up && !event.write_hang_up);
        selector.wait(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().count(), 0);
        ours.read_exact(&mut [0]).unwrap();
        selector.remove(ours.as_fd()).unwrap();
    }

    #[test]
    fn a_wake_ends_the_next_wait() {
        let selector = Selector::new().unwrap();
        selector.wake();
        selector.wait(&mut Events::with_capacity(4), LONG).unwrap();
    }
}
