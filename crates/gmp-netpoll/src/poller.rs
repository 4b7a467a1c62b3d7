//! The poller: open, register, poll, wake.
//!
//! One [`Netpoll`] serves a process or a part of it. Whoever has time calls [`Netpoll::poll`], one thread
//! at a time; it waits for the kernel's edges, looks each descriptor's slot up, and passes on the
//! waiters whose wait is over.

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use crate::desc::Direction;
use crate::parked::Parked;
use crate::registration::Registration;
use crate::source::Source;
use crate::sys::{Event, Events, Selector, WAKE};
use crate::table::Table;
use crate::turn::{Chair, Turn};
use crate::waiter::ThreadWaiter;
use crate::wake::WakeFlag;

/// Edges per system call. 256 fill 3 KiB; a scheduler that gets more at once has work for a while anyway.
const BATCH: usize = 256;

/// How a [`poll`](Netpoll::poll) went.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// It polled, and passed on that many waiters.
    Woken(usize),
    /// Another thread is polling; nothing was done.
    Busy,
}

/// Finds out which descriptors are ready and whose wait that ends.
pub struct Netpoll {
    pub(crate) selector: Selector,
    pub(crate) table: Table,
    pub(crate) parked: Parked,
    wake: WakeFlag,
    turn: Turn,
    /// # Safety
    ///
    /// Touched by whoever holds the `Chair` only.
    events: UnsafeCell<Events>,
}

// SAFETY: all fields but `events` are shareable, and `events` belongs to the one thread in the chair.
unsafe impl Sync for Netpoll {}
// SAFETY: owning it is owning its parts, which may all move.
unsafe impl Send for Netpoll {}

impl Netpoll {
    /// Opens a poller. Blocks neither thread nor goroutine.
    ///
    /// # Errors
    ///
    /// When the process or the system has no descriptors left.
    pub fn new() -> io::Result<Netpoll> {
        Ok(Netpoll {
            selector: Selector::new()?,
            table: Table::new(),
            parked: Parked::default(),
            wake: WakeFlag::new(),
            turn: Turn::default(),
            events: UnsafeCell::new(Events::with_capacity(BATCH)),
        })
    }

    /// Registers a descriptor for plain threads to wait on, and takes it into keeping. It should be
    /// non-blocking. May allocate; neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// What the kernel has against it: it is no socket, pipe or the like, or is registered already.
    pub fn register<S: AsFd>(&self, source: S) -> io::Result<Registration<'_, S>> {
        Registration::new(self, source)
    }

    /// Registers a descriptor, for a runtime that parks its own waiters. Both directions are taken to be
    /// ready until an operation says otherwise. May allocate (call it outside critical sections); neither
    /// parks nor blocks.
    ///
    /// # Safety
    ///
    /// The descriptor must be [detached](Source::detach) before it is closed.
    ///
    /// # Errors
    ///
    /// As for [`register`](Netpoll::register).
    pub unsafe fn attach(&self, fd: BorrowedFd<'_>) -> io::Result<Source<'_>> {
        // SAFETY: passed on.
        unsafe { Source::attach(self, fd) }
    }

    /// Waits up to `timeout` (`None`: without limit) for edges or [`wake`](Netpoll::wake), and calls `ready`
    /// with each waiter whose wait is over. May return early. Blocks the thread. Does not allocate, so a
    /// scheduler may call it in a critical section.
    ///
    /// # Errors
    ///
    /// None in practice: the kernel's refusal to wait on a descriptor that this object owns.
    pub fn poll(
        &self,
        timeout: Option<Duration>,
        ready: &mut dyn FnMut(NonNull<()>),
    ) -> io::Result<Polled> {
        match self.turn.try_take() {
            Some(chair) => self.poll_seated(&chair, timeout, ready).map(Polled::Woken),
            None => Ok(Polled::Busy),
        }
    }

    fn poll_seated(
        &self,
        _: &Chair<'_>,
        timeout: Option<Duration>,
        ready: &mut dyn FnMut(NonNull<()>),
    ) -> io::Result<usize> {
        let blocks = timeout != Some(Duration::ZERO);
        // P1: a wake-up that came since the last blocking poll makes this one look only.
        let timeout = if blocks && self.wake.lower() { Some(Duration::ZERO) } else { timeout };
        // SAFETY: the chair is ours, so are the events.
        let events = unsafe { &mut *self.events.get() };
        self.selector.wait(events, timeout)?;
        if blocks {
            // P3: whatever ended the wait, the wakers have what they asked for.
            self.wake.lower();
        }
        let mut woken = 0;
        for event in events.iter().filter(|event| event.key != WAKE) {
            woken += self.dispatch(&event, ready);
        }
        Ok(woken)
    }

    fn dispatch(&self, event: &Event, ready: &mut dyn FnMut(NonNull<()>)) -> usize {
        let (index, generation) = (event.key as u32, (event.key >> 32) as u32);
        let Some(slot) = self.table.get(index) else { return 0 };
        if slot.generation() != generation {
            return 0;
        }
        let edges = [
            (event.readable, event.read_hang_up, Direction::Read),
            (event.writable, event.write_hang_up, Direction::Write),
        ];
        let mut woken = 0;
        for (_, hang_up, direction) in edges.into_iter().filter(|(edge, ..)| *edge) {
            if hang_up {
                slot.note_hang_up(direction, generation);
            }
            if let Some(raw) = slot.word(direction).event() {
                self.parked.leave(index);
                woken += 1;
                match ThreadWaiter::from_raw(raw) {
                    // SAFETY: it came out of the word, to us.
                    Some(waiter) => unsafe { ThreadWaiter::wake(waiter) },
                    None => ready(raw),
                }
            }
        }
        woken
    }

    /// Ends the poll that goes on, or the next one that would block. At most one system call, none if a
    /// wake-up is under way. Neither parks, blocks nor allocates.
    #[inline]
    pub fn wake(&self) {
        if self.wake.raise() {
            self.selector.wake();
        }
    }

    /// How many waiters are parked on descriptors. A snapshot, never too low for a waiter that had parked
    /// before the call.
    pub fn waiting(&self) -> usize {
        self.parked.total()
    }

    /// Blocks the calling thread until `waiter`, which is armed, is woken, or the deadline. Polls for
    /// everybody when nobody else does.
    pub(crate) fn block(
        &self,
        waiter: &ThreadWaiter,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let expired = || deadline.is_some_and(|at| at <= Instant::now());
        while !waiter.is_woken() && !expired() {
            if let Some(chair) = self.turn.try_take() {
                let led = self.lead(&chair, waiter, deadline);
                drop(chair);
                self.turn.promote_another();
                led?;
            } else if self.turn.stand_by(waiter) {
                waiter.park(deadline);
                if self.turn.withdraw(waiter) && (waiter.is_woken() || expired()) {
                    self.turn.promote_another();
                }
            }
        }
        Ok(waiter.is_woken())
    }

    fn lead(
        &self,
        chair: &Chair<'_>,
        waiter: &ThreadWaiter,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        while !waiter.is_woken() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            // A runtime's waiters would have nobody to wake them here; a poller has one kind of waiters.
            self.poll_seated(chair, left, &mut |_| {
                debug_assert!(false, "a waiter of another poller")
            })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Netpoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netpoll").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
