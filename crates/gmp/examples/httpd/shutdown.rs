//! Ending gracefully: signals, who is being served, and how idle connections are told.
//!
//! A goroutine waits for the signals on a channel. It closes the listener and gives every connection a read
//! deadline that has passed. An idle connection wakes from its read with `TimedOut` and ends; a busy one goes on
//! writing, and looks before it reads again. A second signal ends the process: nobody waits for it any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gmp::net::{TcpListener, TcpStream};
use gmp::signal::{Signal, notify};
use gmp::sync::{Condvar, Mutex};

/// How long open responses may take to finish; a peer that does not read would hold us for ever.
const DRAIN: Duration = Duration::from_secs(30);

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
    pub(crate) fn on_signals(listener: Arc<TcpListener>) -> Shutdown {
        let signals = notify(&[Signal::SIGINT, Signal::SIGTERM]);
        let shutdown = Shutdown(Arc::new(State {
            begun: AtomicBool::new(false),
            next: AtomicU64::new(0),
            guests: Mutex::new(HashMap::new()),
            left: Condvar::new(),
        }));
        let ours = shutdown.clone();
        gmp::go(move || {
            if signals.recv().is_ok() {
                drop(signals);
                ours.begin(&listener);
            }
        });
        shutdown
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
