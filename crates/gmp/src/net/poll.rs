//! The process's poller, and what waits on it: a node on the stack of a goroutine or thread.
//!
//! Goroutines are parked by the scheduler, which polls when it has nothing better to do. A plain thread that
//! waits for a socket does not need the poller at all: it calls `poll(2)` on the socket and on a *bell* of
//! its own, which close and changed deadlines ring. So nobody must poll for threads, with or without a
//! runtime, and no thread is ever leader for goroutines. (Roads not taken: a polling thread beside the
//! scheduler, which would compete with it for edges; threads that poll in turn, which would have to give
//! way when a runtime starts and be recalled when it stops.)

use std::cell::OnceCell;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp_netpoll::{Direction, Netpoll};
use gmp_sched::{Claim, Driver, Waiter, critical};

/// The winner's token of an event, a kick or a close.
const EVENT: usize = 1;

/// The process's poller. May allocate at the first call: made before a runtime starts.
///
/// # Errors
///
/// When the process has no descriptors left for it.
pub(crate) fn netpoll() -> io::Result<&'static Netpoll> {
    static NETPOLL: OnceLock<Netpoll> = OnceLock::new();
    if let Some(netpoll) = NETPOLL.get() {
        return Ok(netpoll);
    }
    let made = Netpoll::new()?;
    Ok(NETPOLL.get_or_init(|| made))
}

/// The poller as the scheduler drives it.
#[derive(Debug)]
pub(crate) struct PollDriver;

/// The poller inside the runtime, which opened it before it started.
fn opened() -> &'static Netpoll {
    match netpoll() {
        Ok(netpoll) => netpoll,
        Err(error) => fatal("the poller cannot be opened", &error),
    }
}

/// A broken invariant: the scheduler's frames must not unwind.
fn fatal(what: &str, error: &io::Error) -> ! {
    let _ = writeln!(io::stderr(), "gmp: {what}: {error}");
    std::process::abort()
}

// SAFETY: a waiter comes out of a descriptor's word once per arming, and only what wins its claim readies
// it; it was armed in the park's commit.
unsafe impl Driver for PollDriver {
    fn poll(&self, timeout: Option<Duration>, ready: &mut dyn FnMut(Waiter)) {
        let polled = opened().poll(timeout, &mut |raw| {
            // SAFETY: only nodes are armed on this poller, and this one came out of its word, to us.
            if let Some(waiter) = unsafe { Node::take(raw) } {
                ready(waiter);
            }
        });
        if let Err(error) = polled {
            fatal("the poller failed", &error);
        }
    }

    fn wake(&self) {
        opened().wake();
    }

    fn waiting(&self) -> usize {
        opened().waiting()
    }
}

/// One wait for one direction of one descriptor.
///
/// Alive until its wait is over *and* nobody can touch it: until `take` was called for it or it was
/// disarmed. Aligned so that the poller does not take it for one of its own threads.
#[derive(Debug)]
#[repr(align(16))]
pub(super) struct Node {
    party: Party,
    claim: Claim,
    /// The commit has put the node into the word. Written by the commit, read under the line's lock.
    armed: AtomicBool,
    /// `take` is through with a node whose goroutine it did not ready, or whose thread it rang for.
    released: AtomicBool,
}

#[derive(Debug)]
enum Party {
    Goroutine(Waiter),
    Thread(RawFd),
}

impl Node {
    /// A goroutine's.
    pub(super) fn goroutine(waiter: Waiter) -> Node {
        Node::new(Party::Goroutine(waiter))
    }

    fn new(party: Party) -> Node {
        Node { party, claim: Claim::new(), armed: true.into(), released: false.into() }
    }

    /// As the poller's word.
    pub(super) fn as_raw(&self) -> NonNull<()> {
        NonNull::from(self).cast()
    }

    /// For `park_until`.
    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The node is not in the word after all: ends its wait, unless the deadline has.
    pub(super) fn not_armed(&self) -> Option<Waiter> {
        // Relaxed: published by the lock under which the commit runs.
        self.armed.store(false, Ordering::Relaxed);
        match self.party {
            Party::Goroutine(waiter) if self.claim.try_claim(EVENT) => Some(waiter),
            _ => None,
        }
    }

    /// Whether the commit put the node into the word.
    pub(super) fn was_armed(&self) -> bool {
        // Relaxed: as in `not_armed`.
        self.armed.load(Ordering::Relaxed)
    }

    /// Whether `take` is through with it.
    pub(super) fn is_released(&self) -> bool {
        // Acquire: pairs with Release in `take`.
        self.released.load(Ordering::Acquire)
    }

    /// Ends the wait of a node that came out of its word. The goroutine to be readied, if it is one and its
    /// deadline has not ended the wait before. Async-signal-safe but for errno; allocates nothing.
    ///
    /// # Safety
    ///
    /// `raw` is a node's, and came out of the word to this caller.
    unsafe fn take(raw: NonNull<()>) -> Option<Waiter> {
        let node = raw.cast::<Node>().as_ptr();
        // SAFETY: alive: its owner waits until it is claimed or released, which happens below.
        let this = unsafe { &*node };
        match this.party {
            Party::Goroutine(waiter) if this.claim.try_claim(EVENT) => return Some(waiter),
            Party::Goroutine(_) => {}
            Party::Thread(bell) => ring(bell),
        }
        // Release: pairs with Acquire in `is_released`; the last touch.
        this.released.store(true, Ordering::Release);
        None
    }

    /// As `take`, and readies the goroutine.
    ///
    /// # Safety
    ///
    /// As for `take`.
    pub(super) unsafe fn wake(raw: NonNull<()>) {
        let _section = critical();
        // SAFETY: passed on.
        if let Some(waiter) = unsafe { Node::take(raw) } {
            // SAFETY: the claim is won, so this is the one `ready` of that park.
            unsafe { waiter.ready() };
        }
    }
}

/// One byte into a thread's bell. The thread waits for `released`, so its bell is open.
fn ring(bell: RawFd) {
    // SAFETY: one byte from a constant. A full bell has rung already.
    unsafe { libc::send(bell, c"!".as_ptr().cast(), 1, libc::MSG_DONTWAIT) };
}

/// A thread's bell: what `poll(2)` sees when somebody else ends the wait.
struct Bell {
    sender: UnixStream,
    receiver: UnixStream,
}

/// Runs `f` with the calling thread's bell. Neither `f` nor its callers park, so it stays one thread.
fn with_bell<T>(f: impl FnOnce(&Bell) -> T) -> io::Result<T> {
    thread_local! {
        static BELL: OnceCell<Bell> = const { OnceCell::new() };
    }
    BELL.with(|cell| {
        if let Some(bell) = cell.get() {
            return Ok(f(bell));
        }
        let (sender, receiver) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        Ok(f(cell.get_or_init(|| Bell { sender, receiver })))
    })
}

/// How a thread's wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The descriptor may be ready, or somebody wants the thread to look again.
    LookAgain,
    /// The deadline passed first.
    TimedOut,
}

/// Blocks the calling thread until `fd` is ready, or the node that `arm` puts into its word is taken out, or
/// the deadline. `arm` returns false when there is no need to wait; `disarm` as `Source::disarm`.
pub(super) fn block_thread(
    fd: RawFd,
    direction: Direction,
    deadline: Option<Instant>,
    arm: impl FnOnce(&Node) -> bool,
    disarm: impl FnOnce(&Node) -> bool,
) -> io::Result<Ended> {
    with_bell(|bell| {
        let node = Node::new(Party::Thread(bell.sender.as_raw_fd()));
        if !arm(&node) {
            return Ok(Ended::LookAgain);
        }
        let ended = gmp_sched::blocking(|| poll_two(fd, direction, bell, deadline));
        if !disarm(&node) {
            // Somebody took the node a moment ago, and rings.
            while !node.is_released() {
                std::thread::yield_now();
            }
            while matches!((&bell.receiver).read(&mut [0; 16]), Ok(1..)) {}
            return Ok(Ended::LookAgain);
        }
        ended
    })?
}

fn poll_two(
    fd: RawFd,
    direction: Direction,
    bell: &Bell,
    deadline: Option<Instant>,
) -> io::Result<Ended> {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    let bell = libc::pollfd { fd: bell.receiver.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut fds = [libc::pollfd { fd, events, revents: 0 }, bell];
    loop {
        // Milliseconds, rounded up: never early.
        let left = deadline.map_or(-1, |at| {
            let left = at.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000);
            i32::try_from(left).unwrap_or(i32::MAX)
        });
        // SAFETY: two entries that outlive the call.
        match unsafe { libc::poll(ptr::from_mut(&mut fds).cast(), 2, left) } {
            0 if left == 0 => return Ok(Ended::TimedOut),
            0 => {}
            1.. => return Ok(Ended::LookAgain),
            _ => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => {}
                e => return Err(e),
            },
        }
    }
}
