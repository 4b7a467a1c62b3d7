//! A registered descriptor, as a runtime uses it: consume, try, settle, arm.
//!
//! ```text
//!   loop {
//!       if source.consume(Read) {                        the kernel had something, perhaps
//!           match read(fd, buf) {
//!               n          => { wake(source.settle(Read, n, buf.len())); return n }
//!               EAGAIN     => {}                         used up: nothing to settle
//!           }
//!       } else park(|| source.arm(Read, me))             in the park's commit; Ready: wake me at once
//!   }
//! ```
//!
//! Consuming comes *before* the system call: an edge that arrives during it is then remembered, not lost.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use crate::desc::{Armed, Desc, Direction};
use crate::parked::Parked;
use crate::poller::Netpoll;
use crate::sys::SHORT_MEANS_DRAINED;
use crate::table::Slot;
use crate::waiter::ThreadWaiter;

/// A descriptor's registration. Not tied to the descriptor's ownership: see [`detach`](Source::detach).
#[must_use = "a source that is not detached occupies its slot for ever"]
#[derive(Debug)]
pub struct Source<'p> {
    netpoll: &'p Netpoll,
    slot: &'p Slot,
    index: u32,
    generation: u32,
}

impl<'p> Source<'p> {
    /// # Safety
    ///
    /// As for [`Netpoll::attach`].
    pub(crate) unsafe fn attach(
        netpoll: &'p Netpoll,
        fd: BorrowedFd<'_>,
    ) -> io::Result<Source<'p>> {
        let Some((index, slot)) = netpoll.table.take() else {
            return Err(io::Error::other("gmp: more than 2^30 descriptors are registered"));
        };
        let generation = slot.generation();
        let source = Source { netpoll, slot, index, generation };
        let key = u64::from(generation) << 32 | u64::from(index);
        // SAFETY: detached before it is closed (contract).
        if let Err(error) = unsafe { netpoll.selector.add(fd, key) } {
            source.release();
            return Err(error);
        }
        Ok(source)
    }

    /// Ends the registration. Waiters must have been woken by [`close`](Source::close) and have left.
    /// Neither parks, blocks nor allocates.
    ///
    /// # Errors
    ///
    /// When `fd` is not the descriptor that was attached; the registration has ended all the same.
    pub fn detach(self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let removed = self.netpoll.selector.remove(fd);
        self.release();
        removed
    }

    /// Ends the kernel's reports early, when the descriptor is about to be replaced by another under the same
    /// number. [`detach`](Source::detach) is still to come, and will fail. Neither parks, blocks nor allocates.
    ///
    /// # Errors
    ///
    /// As for `detach`.
    pub fn mute(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.netpoll.selector.remove(fd)
    }

    fn release(self) {
        for direction in [Direction::Read, Direction::Write] {
            let left = self.slot.word(direction).close();
            debug_assert!(left.is_none(), "detached under a waiter");
        }
        self.netpoll.table.release(self.index);
    }

    /// Takes a remembered edge. True: the operation may succeed, try it. False: it would say `EAGAIN`.
    /// Neither parks nor blocks.
    #[inline]
    pub fn consume(&self, direction: Direction) -> bool {
        self.slot.word(direction).consume()
    }

    /// Puts back a consumed edge that the operation did not use up. Hands out the waiter who gets it (one that
    /// armed meanwhile), which the caller wakes.
    #[must_use]
    #[inline]
    pub fn restore(&self, direction: Direction) -> Option<NonNull<()>> {
        self.hand_out(self.slot.word(direction).restore())
    }

    /// After an operation on a byte stream that moved `moved` of `wanted` bytes: [restores](Source::restore)
    /// the consumed edge if there can be more. A short transfer has used it up, unless the peer hung up.
    #[must_use]
    #[inline]
    pub fn settle(&self, direction: Direction, moved: usize, wanted: usize) -> Option<NonNull<()>> {
        let drained = SHORT_MEANS_DRAINED
            && moved < wanted
            && moved > 0
            && !self.slot.hung_up(direction, self.generation);
        if drained { None } else { self.restore(direction) }
    }

    /// Parks `waiter` on a direction, in which nobody else waits. The caller has saved everything it needs
    /// to go on: with [`Armed::Waiting`] it may be woken, on another thread, before this returns. If it
    /// might then free the memory that `self` lives in, use [`arm_in`](Source::arm_in). Neither parks,
    /// blocks nor allocates.
    #[inline]
    pub fn arm(&self, direction: Direction, waiter: NonNull<()>) -> Armed {
        self.arm_in(direction).arm(waiter)
    }

    /// The right to arm one direction, as a value that borrows the poller only: for a park's commit, which
    /// must not touch the waiter's memory once it is armed.
    #[inline]
    pub fn arm_in(&self, direction: Direction) -> Arm<'p> {
        Arm { parked: &self.netpoll.parked, word: self.slot.word(direction), index: self.index }
    }

    /// Takes `waiter` out again, its deadline having passed. False: somebody has it and will wake it.
    pub fn disarm(&self, direction: Direction, waiter: NonNull<()>) -> bool {
        let withdrawn = self.slot.word(direction).disarm(waiter);
        if withdrawn {
            self.netpoll.parked.leave(self.index);
        }
        withdrawn
    }

    /// An edge without a cause: whoever waits in this direction, or is about to, looks again. Hands out
    /// the waiter, which the caller wakes.
    #[must_use]
    pub fn kick(&self, direction: Direction) -> Option<NonNull<()>> {
        self.hand_out(self.slot.word(direction).event())
    }

    /// Nobody will wait in this direction again. Hands out the waiter, which the caller wakes.
    #[must_use]
    pub fn close(&self, direction: Direction) -> Option<NonNull<()>> {
        self.hand_out(self.slot.word(direction).close())
    }

    /// Threads of ours are woken here; they may sit in the poller instead of being parked.
    fn hand_out(&self, taken: Option<NonNull<()>>) -> Option<NonNull<()>> {
        let raw = taken?;
        self.netpoll.parked.leave(self.index);
        let Some(waiter) = ThreadWaiter::from_raw(raw) else { return Some(raw) };
        // SAFETY: it came out of the word, to us.
        unsafe { ThreadWaiter::wake(waiter) };
        self.netpoll.wake();
        None
    }
}

/// See [`Source::arm_in`].
#[derive(Debug, Clone, Copy)]
pub struct Arm<'p> {
    parked: &'p Parked,
    word: &'p Desc,
    index: u32,
}

impl Arm<'_> {
    /// As [`Source::arm`].
    #[inline]
    pub fn arm(self, waiter: NonNull<()>) -> Armed {
        self.parked.enter(self.index);
        let armed = self.word.arm(waiter);
        if armed != Armed::Waiting {
            self.parked.leave(self.index);
        }
        armed
    }
}
