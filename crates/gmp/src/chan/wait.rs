//! Waiting at one channel, for an operation that another one carries out: plain, or until a deadline.
//!
//! - **W1** who has found nothing to do opens a section, and takes the lock in it; still nothing: it links its node, and says so
//!   in the hint.
//! - **W2** it parks out of that section, and the lock is given back in the park's commit, by its successor.
//! - **W3** whoever takes the node out carries out the operation, or closes the channel, and wakes the owner, who finds the
//!   outcome in the node and does not compete again.
//!
//! From W1 to W2 there is one section and one question which thread this is. `Again` in W1 or W3 means that the caller tries,
//! with a lock of its own, and comes back if that was in vain: somebody who came meanwhile may go before it, and as long as that
//! repeats no deadline is looked at. To try under the lock of W1 costs each wait 5 ns (`docs/experiments.md`). Selects have a way of their own (`gather`). Used by `flow`, `timer` and `end`.

use std::ptr;
use std::time::Instant;

use gmp_sched::{Claim, WaitReason};

use super::core::{Core, Side, State};
use super::node::{Node, Outcome};
use super::sync::{LockGuard, Waiter, park_until};

/// What `Claim` is won with in a wait at one channel.
const TOKEN: usize = 1;

impl Core {
    /// Waits at this channel until somebody else has carried out the receive, into `slot`, or has closed the channel. `Again`: try
    /// it. Parks the goroutine, or blocks the thread.
    ///
    /// # Safety
    ///
    /// `slot` has place for a value of the channel, and is the channel's to use until this returns.
    #[inline(never)]
    pub(crate) unsafe fn wait_to_recv(&self, slot: *mut ()) -> Outcome {
        let Some((st, waiter)) = self.lock_to_wait(Side::Recv) else { return Outcome::Again };
        // SAFETY: passed on; the lock's waiter, and not ready.
        unsafe { self.wait(st, waiter, Side::Recv, slot, WaitReason::ChanReceive) }
    }

    /// As [`wait_to_recv`](Core::wait_to_recv), for a send.
    ///
    /// # Safety
    ///
    /// As there, with a value in `slot`, which whoever ends the wait with `Done` has moved out.
    #[inline(never)]
    pub(crate) unsafe fn wait_to_send(&self, slot: *mut ()) -> Outcome {
        let Some((st, waiter)) = self.lock_to_wait(Side::Send) else { return Outcome::Again };
        // SAFETY: passed on; the lock's waiter, and not ready.
        unsafe { self.wait(st, waiter, Side::Send, slot, WaitReason::ChanSend) }
    }

    /// As [`wait_to_recv`](Core::wait_to_recv), for either side; `None` at `deadline`.
    ///
    /// # Safety
    ///
    /// As there.
    #[cold]
    pub(crate) unsafe fn wait_for(
        &self,
        side: Side,
        slot: *mut (),
        deadline: Instant,
    ) -> Option<Outcome> {
        let Some((st, waiter)) = self.lock_to_wait(side) else { return Some(Outcome::Again) };
        let reason = match side {
            Side::Recv => WaitReason::ChanReceive,
            Side::Send => WaitReason::ChanSend,
        };
        // SAFETY: passed on; the lock's waiter, and not ready.
        unsafe { self.wait_until(st, waiter, side, slot, reason, deadline) }
    }

    /// Waits at this channel until somebody ends the wait. The lock, which comes locked, is released once the caller is saved.
    /// Parks the goroutine, or blocks the thread.
    ///
    /// # Safety
    ///
    /// `waiter` is the caller, asked for with the lock's section or just before it; `slot` holds a value of the channel (for `Send`)
    /// or has place for one (for `Recv`), and is the channel's to use until this returns. `side` is not ready.
    #[inline(always)]
    pub(crate) unsafe fn wait<'a>(
        &'a self,
        mut st: LockGuard<'a, State>,
        waiter: Waiter,
        side: Side,
        slot: *mut (),
        reason: WaitReason,
    ) -> Outcome {
        let node = Node::parked(waiter, slot);
        // SAFETY: the node stays here until it was popped, which is what ends the wait.
        unsafe { st.queue(side).push(&node) };
        self.publish_waiting(&st, side);
        // SAFETY: the caller's waiter; whoever pops the node readies it once, after the unlock at least.
        unsafe { st.park(waiter, self.reason(reason)) };
        node.outcome.get()
    }

    /// [`wait`](Core::wait) for those to whom nothing is handed over: until somebody ends the wait, or until `deadline`, if
    /// there is one.
    ///
    /// # Safety
    ///
    /// As there; nobody sends here.
    pub(crate) unsafe fn wait_for_news<'a>(
        &'a self,
        st: LockGuard<'a, State>,
        waiter: Waiter,
        deadline: Option<Instant>,
    ) -> Option<Outcome> {
        let (side, slot, reason) = (Side::Recv, ptr::null_mut(), WaitReason::ChanReceive);
        match deadline {
            // SAFETY: passed on; the slot is not used.
            None => Some(unsafe { self.wait(st, waiter, side, slot, reason) }),
            // SAFETY: as above.
            Some(deadline) => unsafe { self.wait_until(st, waiter, side, slot, reason, deadline) },
        }
    }

    /// [`wait`](Core::wait) with a deadline; `None` when that has passed.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(never)]
    unsafe fn wait_until<'a>(
        &'a self,
        mut st: LockGuard<'a, State>,
        waiter: Waiter,
        side: Side,
        slot: *mut (),
        reason: WaitReason,
        deadline: Instant,
    ) -> Option<Outcome> {
        let claim = Claim::new();
        let node = Node::claimed(waiter, slot, &claim, TOKEN);
        // SAFETY: the node is unlinked below when the wait timed out.
        unsafe { st.queue(side).push(&node) };
        self.publish_waiting(&st, side);
        // SAFETY: as in `wait`; whoever readies has won the claim.
        unsafe { park_until(waiter, self.reason(reason), deadline, &claim, move || drop(st)) };
        if claim.winner() != Claim::TIMED_OUT {
            return Some(node.outcome.get());
        }
        self.withdraw(&node, side);
        None
    }

    /// Takes `node` out of its queue, if nobody has: afterwards nobody refers to it (N4).
    pub(crate) fn withdraw(&self, node: &Node, side: Side) {
        let mut st = self.lock_at_end();
        if node.is_linked() {
            // SAFETY: linked, and only ever in this queue.
            unsafe { st.queue(side).unlink(node) };
            self.publish(&st);
        }
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
