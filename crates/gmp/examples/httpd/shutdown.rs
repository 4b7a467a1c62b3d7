//! Ending gracefully: signals, who is being served, and how idle connections are told.
//!
//! A signal handler may do next to nothing, so it writes a byte into a socket pair whose other end a
//! goroutine reads: the classic self-pipe, on the runtime's poller. That goroutine closes the listener and
//! gives every connection a read deadline that has passed. An idle connection wakes from its read with
//! `TimedOut` and ends; a busy one goes on writing, and looks before it reads again.

use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::net::{Direction, Registration, TcpListener, TcpStream};
use gmp::sync::{Condvar, Mutex};

/// How long open responses may take to finish; a peer that does not read would hold us for ever.
const DRAIN: Duration = Duration::from_secs(30);

/// Where the signal handler writes; -1 before there is one.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The server's end, and everybody it concerns. Handles share it.
#[derive(Clone)]
pub(crate) struct Shutdown(Arc<State>);

struct State {
    begun: AtomicBool,
    next: AtomicU64,
    guests: Mutex<HashMap<u64, Arc<TcpStream>>>,
    left: Condvar,
}

/// A connection on the guest list, until dropped.
pub(crate) struct Guest {
    stream: Arc<TcpStream>,
    number: u64,
    shutdown: Shutdown,
}

impl Shutdown {
    /// Begins when SIGINT or SIGTERM arrives, and closes `listener` then.
    pub(crate) fn on_signals(listener: Arc<TcpListener>) -> io::Result<Shutdown> {
        let signals = signals()?;
        let shutdown = Shutdown(Arc::new(State {
            begun: AtomicBool::new(false),
            next: AtomicU64::new(0),
            guests: Mutex::new(HashMap::new()),
            left: Condvar::new(),
        }));
        let ours = shutdown.clone();
        gmp::go(move || {
            // An error here can only mean that the pair is broken; then nobody can end us gracefully.
            if signals.run(Direction::Read, |mut s| s.read(&mut [0; 8])).is_ok() {
                ours.begin(&listener);
            }
        });
        Ok(shutdown)
    }

    fn begin(&self, listener: &TcpListener) {
        let guests = self.0.guests.lock();
        self.0.begun.store(true, Ordering::SeqCst);
        listener.close();
        for stream in guests.values() {
            // It fails for those that are closed already.
            let _ = stream.set_read_deadline(Some(Instant::now()));
        }
    }

    /// Whether connections are to end. Looked at after a read deadline was lifted, so that the one that
    /// `begin` sets is not lost: it is set after this became true.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Puts a connection on the list; none are taken after the end has begun.
    pub(crate) fn admit(&self, stream: TcpStream) -> Option<Guest> {
        let (stream, number) = (Arc::new(stream), self.0.next.fetch_add(1, Ordering::Relaxed));
        let mut guests = self.0.guests.lock();
        if self.has_begun() {
            return None;
        }
        guests.insert(number, Arc::clone(&stream));
        drop(guests);
        Some(Guest { stream, number, shutdown: self.clone() })
    }

    /// Waits until all connections have ended, within reason.
    pub(crate) fn drain(&self) {
        let end = Instant::now() + DRAIN;
        let mut guests = self.0.guests.lock();
        while !guests.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.0.left.wait_for(&mut guests, left);
        }
    }
}

impl Guest {
    /// The connection.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether it should end when it can.
    pub(crate) fn should_leave(&self) -> bool {
        self.shutdown.has_begun()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let removed = self.shutdown.0.guests.lock().remove(&self.number);
        self.shutdown.0.left.notify_all();
        drop(removed);
    }
}

extern "C" fn ring(_signal: libc::c_int) {
    // Only async-signal-safe calls; errno is kept for whoever was interrupted.
    // SAFETY: the address of the calling thread's errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let kept = unsafe { *errno };
    // SAFETY: one byte from a constant; a wrong descriptor is an error, not a fault.
    unsafe { libc::write(BELL.load(Ordering::Relaxed), c"!".as_ptr().cast(), 1) };
    // SAFETY: as above.
    unsafe { *errno = kept };
}

/// Installs the handler; the receiving end of the pair.
fn signals() -> io::Result<Registration<UnixStream>> {
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    sender.set_nonblocking(true)?;
    // Open until the process ends: a signal may come at any time.
    BELL.store(sender.into_raw_fd(), Ordering::Relaxed);
    // SAFETY: all zeros is a valid `sigaction`: no flags, empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ring as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: `ring` is async-signal-safe; the old action is not wanted.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Registration::new(receiver)
}

/// Lets the process have as many descriptors as the system allows: one per connection. A failure is no
/// error: accepting then stops earlier.
pub(crate) fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is written.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is read.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}
