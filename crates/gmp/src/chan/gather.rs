//! The long way of a select: look at all channels at one instant, and wait at all of them.
//!
//! 1. **Lock** all channels, in the order of their addresses, each once.
//! 2. **Look**: draw one of the ready cases and carry it out. None, and not to wait: the `default`.
//! 3. **Enqueue** a node at every channel, all with one [`Claim`], and **park**; the locks are released in
//!    the park's commit. Whoever wins the claim has carried out that case.
//! 4. **Withdraw** the other nodes. A timer that has become due, or was reset, ends the wait without having
//!    carried out anything: look again.
//!
//! The commit (S1) releases one lock after the other, while the owner, woken through a channel released
//! early, may be on its way already. S1 reads the owner's stack until it releases the last lock. That is
//! sound because the owner in step 4 (S2) takes the lock of every channel once, save the winner's, whose
//! lock the winner took: so it gets past step 4 after S1 only.
//!
//! All the locks are held in one critical section, and there is a lane for each case: its node, and, not about
//! this case, one of the distinct channels, in the order of locking.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::time::Instant;

use gmp_sched::{Claim, WaitReason};

use super::core::Core;
use super::node::{Node, Outcome};
use super::select::{Case, Limit, Status, draw};
use super::sync::{CHECKED, Critical, Lent, Waiter, critical, lend, mutant, park_in, park_until};
use super::timer::earlier;
use crate::time::now;

/// What a case needs for the long way.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    /// Written when the wait begins; not before, since most selects need not wait.
    node: MaybeUninit<Node>,
    /// Not about this case: in lane `i`, the i-th channel to lock.
    channel: MaybeUninit<(&'a Core, Lent)>,
}

impl Lane<'_> {
    pub(crate) const fn new() -> Self {
        Lane { node: MaybeUninit::uninit(), channel: MaybeUninit::uninit() }
    }
}

impl<'a> Lane<'a> {
    /// The channel that is the `at`th to lock.
    ///
    /// # Safety
    ///
    /// `at` is below the number of distinct channels that `Gather::new` has found for these lanes.
    #[inline]
    unsafe fn channel(lanes: *const Lane<'a>, at: usize) -> &'a Core {
        // SAFETY: in bounds (contract).
        let lane = unsafe { lanes.add(at) };
        // SAFETY: as above.
        let channel = unsafe { &raw const (*lane).channel };
        // SAFETY: written by `new` (contract), and by nobody since.
        let (core, lent) = unsafe { &*channel.cast::<(&'a Core, Lent)>() };
        lent.used();
        core
    }
}

/// A select on the long way.
pub(super) struct Gather<'s, 'a> {
    cases: &'s mut [Case<'a>],
    /// As many as there are cases.
    lanes: &'s mut [Lane<'a>],
    /// How many distinct channels there are.
    channels: usize,
}

impl<'s, 'a> Gather<'s, 'a> {
    /// Finds the distinct channels and the order in which to lock them.
    pub(super) fn new(cases: &'s mut [Case<'a>], lanes: &'s mut [Lane<'a>]) -> Gather<'s, 'a> {
        /// Where inserting one by one stops being the fastest.
        const FEW: usize = 20;
        assert!(lanes.len() >= cases.len(), "a lane for each case");
        let mut channels = 0;
        if cases.len() <= FEW {
            for case in &*cases {
                if let Some(core) = case.core {
                    channels = insert(lanes, channels, core);
                }
            }
        } else {
            let mut all: Vec<&Core> = cases.iter().filter_map(|case| case.core).collect();
            all.sort_unstable_by_key(|&core| ptr::from_ref(core));
            all.dedup_by(|a, b| ptr::eq(*a, *b));
            channels = all.len();
            for (lane, core) in lanes.iter_mut().zip(all) {
                lane.channel.write((core, Lent::new()));
            }
        }
        Gather { cases, lanes, channels }
    }

    #[cold]
    pub(super) fn run(&mut self, limit: Limit, biased: bool) -> Option<(usize, Status)> {
        loop {
            self.cases.iter().filter_map(|case| case.core).for_each(Core::check);
            let (waiter, section) = Waiter::in_section();
            self.lock(&section);
            if let Some(index) = self.look(biased) {
                if let Some(status) = self.fire(section, index) {
                    return Some((index, status));
                }
                continue;
            }
            let deadline = match limit {
                Limit::Never => None,
                Limit::At(deadline) if deadline > now() => Some(deadline),
                Limit::Now | Limit::At(_) => {
                    self.unlock();
                    return None;
                }
            };
            if let Some(fired) = self.wait(section, waiter, deadline) {
                return Some(fired);
            }
        }
    }

    #[inline]
    fn lock(&mut self, section: &Critical) {
        for at in 0..self.channels {
            // SAFETY: below the number of channels.
            unsafe { Lane::channel(self.lanes.as_ptr(), at) }.lock_in(section);
        }
    }

    /// The section stays open.
    #[inline]
    fn unlock(&mut self) {
        for at in 0..self.channels {
            // SAFETY: below the number of channels.
            let core = unsafe { Lane::channel(self.lanes.as_ptr(), at) };
            // SAFETY: taken by `lock`, in this section.
            unsafe { core.unlock_in() };
        }
    }

    /// A case that is ready now; any, or the first. All channels are locked.
    #[inline]
    fn look(&mut self, biased: bool) -> Option<usize> {
        // The clock is read once, if at all: this is one instant.
        let mut instant = None;
        let mut ready = 0;
        for (index, case) in self.cases.iter_mut().enumerate() {
            case.ready = false;
            let Some(core) = case.core else { continue };
            // SAFETY: locked; used for this case only.
            let st = unsafe { core.state() };
            case.ready = match core.ops.when {
                // SAFETY: the state is locked.
                Some(when) => unsafe { when(core, st) }
                    .is_some_and(|when| when <= *instant.get_or_insert_with(now)),
                None => st.is_ready(core.cap, case.side) || core.is_over(),
            };
            if case.ready && biased {
                return Some(index);
            }
            ready += u32::from(case.ready);
        }
        draw(self.cases, ready)
    }

    /// Carries the case out and unlocks. `None` if somebody else was faster to claim the other side.
    fn fire(&mut self, section: Critical, index: usize) -> Option<Status> {
        let core = self.cases[index].core?;
        // SAFETY: locked; not used after `act`.
        let st = unsafe { core.state() };
        // SAFETY: as above.
        let act = unsafe { self.cases[index].act(core, st) };
        self.unlock();
        self.cases[index].settle(section, core, act)
    }

    /// Steps 3 and 4. `None`: look again.
    fn wait(
        &mut self,
        section: Critical,
        waiter: Waiter,
        deadline: Option<Instant>,
    ) -> Option<(usize, Status)> {
        let claim = Claim::new();
        let mut deadline = deadline;
        for (index, (case, lane)) in self.cases.iter().zip(&mut *self.lanes).enumerate() {
            let Some(core) = case.core else { continue };
            let node = if mutant("gather_no_contest") {
                Node::parked(waiter, case.slot)
            } else {
                Node::claimed(waiter, case.slot, &claim, index + 1)
            };
            let node: *const Node = lane.node.write(node);
            // SAFETY: locked; used for this case only.
            let st = unsafe { core.state() };
            if let Some(when) = core.ops.when {
                // SAFETY: the state is locked.
                deadline = earlier(deadline, unsafe { when(core, st) });
            }
            // SAFETY: the node stays in place, and is withdrawn below unless it was popped by the winner.
            unsafe { st.queue(case.side).push(node) };
            core.publish(st);
        }
        // Durable if every case is: a case without a channel is never ready.
        let inside = |case: &Case<'_>| {
            case.core.is_none_or(|core| core.reason(WaitReason::Select) != WaitReason::Select)
        };
        let durable = self.cases.iter().all(inside) && gmp_sched::current_bubble() != 0;
        let reason = if durable { WaitReason::Select.durable() } else { WaitReason::Select };
        let (lanes, channels) = (lend(self.lanes), self.channels);
        let commit = move || {
            for at in 0..channels {
                // SAFETY: below the number of channels; S1 in the module's text: the owner is held up until
                // the last lock is released.
                let core = unsafe { Lane::channel(lanes, at) };
                // SAFETY: taken by `lock`, in this section.
                unsafe { core.unlock_in() };
            }
        };
        match deadline {
            // SAFETY: the caller's waiter; who readies it has won the claim, so it is one.
            None => unsafe { park_in(section, waiter, reason, commit) },
            // SAFETY: as above.
            Some(deadline) => unsafe {
                park_until(waiter, reason, deadline, &claim, move || {
                    commit();
                    drop(section);
                });
            },
        }
        let winner = claim.winner();
        let won = (winner != Claim::TIMED_OUT).then(|| winner - 1);
        self.withdraw(won);
        self.take_back();
        let index = won?;
        // SAFETY: written above, for every case that can win.
        let node = unsafe { self.lanes[index].node.assume_init_ref() };
        let status = match node.outcome.get() {
            Outcome::Done => Status::Done,
            Outcome::Closed => Status::Closed,
            Outcome::Permit => Status::Permit,
            Outcome::Paired => Status::Paired(NonNull::new(node.slot.get().cast::<Node>())?),
            Outcome::Again | Outcome::Pending => return None,
        };
        Some((index, status))
    }

    /// S2: also where the node has been popped by a loser.
    fn withdraw(&self, won: Option<usize>) {
        let section = critical();
        for (index, (case, lane)) in self.cases.iter().zip(&*self.lanes).enumerate() {
            let Some(core) = case.core.filter(|_| Some(index) != won) else { continue };
            // SAFETY: written by `wait`, which calls this.
            let node = unsafe { lane.node.assume_init_ref() };
            if mutant("gather_no_meeting") && !node.is_linked() {
                continue;
            }
            core.lock_in(&section);
            // SAFETY: locked just now.
            let st = unsafe { core.state() };
            if node.is_linked() {
                // SAFETY: linked, and only ever in this queue.
                unsafe { st.queue(case.side).unlink(node) };
                core.publish(st);
            }
            // SAFETY: taken above, in this section.
            unsafe { core.unlock_in() };
        }
    }

    /// For models: after S2 everything on this stack is the owner's alone again.
    fn take_back(&self) {
        if !CHECKED {
            return;
        }
        for (case, lane) in self.cases.iter().zip(&*self.lanes) {
            if case.core.is_some() {
                // SAFETY: written by `wait`, which calls this.
                unsafe { lane.node.assume_init_ref() }.take_back();
            }
        }
        for lane in &self.lanes[..self.channels] {
            // SAFETY: written by `new`.
            unsafe { lane.channel.assume_init_ref() }.1.gone();
        }
    }
}

/// Puts `core` into its place among the first `len` channels of `lanes`, unless it is there; returns how many
/// there are then. `len` is less than the number of lanes.
#[inline]
fn insert<'a>(lanes: &mut [Lane<'a>], len: usize, core: &'a Core) -> usize {
    // SAFETY: below `len`, so written.
    let channel = |lanes: &[Lane<'a>], at: usize| unsafe { Lane::channel(lanes.as_ptr(), at) };
    let mut at = len;
    while at > 0 {
        let before = channel(lanes, at - 1);
        if ptr::eq(before, core) {
            return len;
        }
        if ptr::from_ref(before) < ptr::from_ref(core) || mutant("gather_lock_unordered") {
            break;
        }
        at -= 1;
    }
    for to in (at + 1..=len).rev() {
        let moved = channel(lanes, to - 1);
        lanes[to].channel.write((moved, Lent::new()));
    }
    lanes[at].channel.write((core, Lent::new()));
    len + 1
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
