//! Linux: the descriptor of a `polling::Poller`, waited on with one system call.
//!
//! `polling` opens the epoll instance and forgets descriptors. Two things it cannot do are done here on its
//! descriptor. It waits with up to five system calls (it arms a timerfd and clears its notifier around each
//! wait); `epoll_pwait2` takes a timeout in nanoseconds and is one. And it cannot ask for `EPOLLRDHUP`,
//! without which the end of a stream that arrives together with the last data is one edge with it: a reader
//! that takes a short read for "drained" would then wait for ever (`Slot::hung_up`).
//!
//! Roads not taken: an extra `EAGAIN` call per request, as Go makes, in place of `EPOLLRDHUP`; `polling`'s
//! own registration followed by a change, which is a second system call per connection.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::time::Duration;

use super::wake::WakeFd;
use super::{Event, WAKE};
use crate::sync::plain::{AtomicBool, Ordering};

/// With `EPOLLRDHUP` and `EPOLLHUP` noted, a short transfer means that the edge is used up.
pub(crate) const SHORT_MEANS_DRAINED: bool = true;

/// Both directions, edge-triggered; `EPOLLERR` and `EPOLLHUP` are always reported.
const INTEREST: u32 =
    (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI) as u32 | EDGE;
const EDGE: u32 = libc::EPOLLET as u32;

/// An epoll instance and its wake-up event.
#[derive(Debug)]
pub(crate) struct Selector {
    poller: polling::Poller,
    wake: WakeFd,
    /// The kernel has no `epoll_pwait2` (before 5.11), or a sandbox forbids it: wait in milliseconds.
    coarse: AtomicBool,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        let wake = WakeFd::new()?;
        let selector =
            Selector { poller: polling::Poller::new()?, wake, coarse: AtomicBool::new(false) };
        selector.control(selector.wake.as_raw_fd(), WAKE, libc::EPOLLIN as u32 | EDGE)?;
        Ok(selector)
    }

    /// # Safety
    ///
    /// `fd` must be removed before it is closed.
    pub(crate) unsafe fn add(&self, fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        self.control(fd.as_raw_fd(), key, INTEREST)
    }

    fn control(&self, fd: RawFd, key: u64, interest: u32) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest, u64: key };
        let epoll = self.poller.as_raw_fd();
        // SAFETY: `event` outlives the call.
        match unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(fd)
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.len = 0;
        // Relaxed: a fact about the kernel; learning it twice does no harm.
        let coarse = self.coarse.load(Ordering::Relaxed);
        let count = match timeout {
            Some(timeout) if coarse || timeout.is_zero() => {
                self.wait_ms(events, milliseconds(timeout))
            }
            None if coarse => self.wait_ms(events, -1),
            _ => self.wait_ns(events, timeout),
        };
        match usize::try_from(count) {
            Ok(count) => events.len = count,
            Err(_) => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => {}
                e if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) && !coarse => {
                    // Relaxed: as above. The wait ends early, as a signal would end it.
                    self.coarse.store(true, Ordering::Relaxed);
                }
                e => return Err(e),
            },
        }
        Ok(())
    }

    fn wait_ms(&self, events: &mut Events, timeout: i32) -> i64 {
        let (buffer, room) = events.room();
        // SAFETY: the buffer has that much room.
        i64::from(unsafe { libc::epoll_wait(self.poller.as_raw_fd(), buffer, room, timeout) })
    }

    fn wait_ns(&self, events: &mut Events, timeout: Option<Duration>) -> i64 {
        let limit = timeout.map(|t| libc::timespec {
            tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(t.subsec_nanos() as i32),
        });
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (buffer, room) = events.room();
        let (epoll, mask) = (self.poller.as_raw_fd(), ptr::null::<libc::sigset_t>());
        // SAFETY: the buffer has that much room, `limit` is null or outlives the call, no mask is given.
        unsafe { libc::syscall(libc::SYS_epoll_pwait2, epoll, buffer, room, limit, mask, 0usize) }
    }

    pub(crate) fn wake(&self) {
        self.wake.send();
    }
}

/// Rounded up, so that no wait ends before its time.
fn milliseconds(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// A buffer that `wait` fills.
pub(crate) struct Events {
    buffer: Box<[MaybeUninit<libc::epoll_event>]>,
    len: usize,
}

impl Events {
    pub(crate) fn with_capacity(capacity: usize) -> Events {
        Events { buffer: Box::new_uninit_slice(capacity), len: 0 }
    }

    fn room(&mut self) -> (*mut libc::epoll_event, libc::c_int) {
        let room = libc::c_int::try_from(self.buffer.len()).unwrap_or(libc::c_int::MAX);
        (self.buffer.as_mut_ptr().cast(), room)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.buffer[..self.len].iter().map(|event| {
            // SAFETY: the kernel has written the first `len`.
            let libc::epoll_event { events, u64: key } = unsafe { event.assume_init() };
            let has = |bits: i32| events & bits as u32 != 0;
            let broken = has(libc::EPOLLHUP | libc::EPOLLERR);
            Event {
                key,
                readable: broken || has(libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLPRI),
                writable: broken || has(libc::EPOLLOUT),
                read_hang_up: broken || has(libc::EPOLLRDHUP),
                write_hang_up: broken,
            }
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    #[test]
    fn coarse_waits_report_the_same() {
        let selector = Selector::new().unwrap();
        // Relaxed: one thread.
        selector.coarse.store(true, Ordering::Relaxed);
        let mut events = Events::with_capacity(4);
        let start = Instant::now();
        selector.wait(&mut events, Some(Duration::from_micros(1500))).unwrap();
        assert!(start.elapsed() >= Duration::from_micros(1500));
        selector.wake();
        selector.wait(&mut events, None).unwrap();
        assert_eq!(events.iter().map(|e| e.key).collect::<Vec<_>>(), [WAKE]);
    }

    #[test]
    fn the_end_of_a_stream_is_noted_with_the_data_before_it() {
        let selector = Selector::new().unwrap();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        // SAFETY: removed below.
        unsafe { selector.add(ours.as_fd(), 5).unwrap() };
        theirs.write_all(b"bye").unwrap();
        drop(theirs);
        let mut events = Events::with_capacity(4);
        selector.wait(&mut events, Some(Duration::from_secs(60))).unwrap();
        let event = events.iter().next().unwrap();
        assert!(event.key == 5 && event.readable && event.read_hang_up);
        assert_eq!(ours.read(&mut [0; 9]).unwrap(), 3);
        selector.remove(ours.as_fd()).unwrap();
    }
}
