//! Who waits for a direction: one party in the descriptor's word, the others in line behind it.
//!
//! Several goroutines may read one socket. Each tries the system call without asking; only who must *wait*
//! needs the line, since the word holds one waiter. The holder parks on the descriptor, the rest queue up
//! here, first in, first out; who leaves hands the place on. So an operation that need not wait costs no
//! lock at all, and the kernel orders concurrent calls anyway.
//!
//! The line's lock has a second duty: it is held from before a park to the end of its commit, and everybody
//! takes it again before going on. So a commit never outlives the frame whose node it arms.

use std::cell::Cell;
use std::io;
use std::ptr;
use std::time::Instant;

use gmp_sched::{Claim, Lock, WaitReason, Waiter, park, park_until};

/// Tokens of a claim on a place in the line: it is yours; look again; it is closed.
const HANDED: usize = 1;
const KICKED: usize = 2;
const CLOSED: usize = 3;

/// A queued party, on its own stack.
#[derive(Debug)]
struct Entry {
    waiter: Waiter,
    claim: Claim,
    next: Cell<*const Entry>,
}

/// The state under the lock.
#[derive(Debug)]
pub(super) struct Line {
    /// Somebody waits, or is about to, or has just been woken.
    held: bool,
    closed: bool,
    first: *const Entry,
    last: *const Entry,
}

// SAFETY: the entries are used under the lock only, while their owners wait for it.
unsafe impl Send for Line {}

impl Line {
    /// An empty line.
    pub(super) const fn new() -> Line {
        Line { held: false, closed: false, first: ptr::null(), last: ptr::null() }
    }

    fn push(&mut self, entry: &Entry) {
        entry.next.set(ptr::null());
        // SAFETY: null, or an entry in the line, whose owner waits.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(entry),
            None => self.first = entry,
        }
        self.last = entry;
    }

    /// The first entry that `token` wins; those whose deadline was faster leave the line by themselves.
    fn pop_claimed(&mut self, token: usize) -> Option<Waiter> {
        // SAFETY: null, or an entry in the line, whose owner takes the lock before it goes.
        while let Some(entry) = unsafe { self.first.as_ref() } {
            self.first = entry.next.get();
            if self.first.is_null() {
                self.last = ptr::null();
            }
            if entry.claim.try_claim(token) {
                return Some(entry.waiter);
            }
        }
        None
    }

    /// How many are queued.
    fn len(&self) -> usize {
        let (mut count, mut at) = (0, self.first);
        // SAFETY: null, or an entry in the line.
        while let Some(entry) = unsafe { at.as_ref() } {
            (count, at) = (count + 1, entry.next.get());
        }
        count
    }

    /// Takes an entry out, if it is still there.
    fn remove(&mut self, entry: &Entry) {
        let (mut before, mut at) = (ptr::null::<Entry>(), self.first);
        // SAFETY: null, or an entry in the line.
        while let Some(here) = unsafe { at.as_ref() } {
            if ptr::eq(here, entry) {
                // SAFETY: null, or the entry before, in the line as well.
                match unsafe { before.as_ref() } {
                    Some(before) => before.next.set(here.next.get()),
                    None => self.first = here.next.get(),
                }
                if ptr::eq(self.last, entry) {
                    self.last = before;
                }
                return;
            }
            (before, at) = (at, here.next.get());
        }
    }
}

/// The place at the head of a line, until dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Lock<Line>);

impl<'a> Place<'a> {
    /// Waits for the head of the line. `None`: look again, something has changed. Parks the goroutine.
    ///
    /// # Errors
    ///
    /// `TimedOut` at the deadline; `ConnectionAborted` when the line is or becomes closed.
    pub(super) fn take(
        line: &'a Lock<Line>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Place<'a>>> {
        let mut guard = line.lock();
        if guard.closed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if !guard.held {
            guard.held = true;
            return Ok(Some(Place(line)));
        }
        drop(guard);
        Place::queue_up(line, deadline)
    }

    #[cold]
    fn queue_up(line: &'a Lock<Line>, deadline: Option<Instant>) -> io::Result<Option<Place<'a>>> {
        let waiter = Waiter::current();
        let entry = Entry { waiter, claim: Claim::new(), next: Cell::new(ptr::null()) };
        let mut guard = line.lock();
        if guard.closed || !guard.held {
            drop(guard);
            return Ok(None);
        }
        guard.push(&entry);
        let commit = move || drop(guard);
        match deadline {
            // SAFETY: `waiter` is the caller; whoever pops the entry readies it once.
            None => unsafe { park(waiter, WaitReason::IoWait, commit) },
            // SAFETY: as above, and pops claim first.
            Some(at) => unsafe { park_until(waiter, WaitReason::IoWait, at, &entry.claim, commit) },
        }
        match entry.claim.winner() {
            HANDED => Ok(Some(Place(line))),
            KICKED => Ok(None),
            CLOSED => Err(io::ErrorKind::ConnectionAborted.into()),
            _timed_out => {
                line.lock().remove(&entry);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}

impl Drop for Place<'_> {
    /// Hands the place on.
    fn drop(&mut self) {
        let mut guard = self.0.lock();
        let next = guard.pop_claimed(HANDED);
        guard.held = next.is_some();
        drop(guard);
        if let Some(waiter) = next {
            // SAFETY: claimed, so this is its one `ready`.
            unsafe { waiter.ready() };
        }
    }
}

/// Everybody in line looks again: their deadline may have changed. Those who come meanwhile, or come back,
/// read it afresh and need no kick.
pub(super) fn kick(line: &Lock<Line>) {
    let queued = line.lock().len();
    for _ in 0..queued {
        wake_one(line, KICKED);
    }
}

/// Everybody in line fails, and so does everybody who comes.
pub(super) fn close(line: &Lock<Line>) {
    line.lock().closed = true;
    while wake_one(line, CLOSED) {}
}

/// One at a time, so that the lock is held briefly.
fn wake_one(line: &Lock<Line>, token: usize) -> bool {
    let next = line.lock().pop_claimed(token);
    let Some(waiter) = next else { return false };
    // SAFETY: claimed, so this is its one `ready`.
    unsafe { waiter.ready() };
    true
}
