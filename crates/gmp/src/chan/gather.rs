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

use std::mem::MaybeUninit;
use std::ptr;
use std::time::Instant;

use gmp_sched::{Claim, LockGuard, WaitReason, Waiter, park, park_until};

use super::core::{Core, State};
use super::node::{Node, Outcome};
use super::select::{Case, Limit, Status, draw};
use super::timer::earlier;
use crate::time::now;

/// What a case needs for the long way.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    /// Written when the wait begins; not before, since most selects need not wait.
    node: MaybeUninit<Node>,
    /// The case that holds the lock of this one's channel.
    holder: usize,
    guard: Option<LockGuard<'a, State>>,
    /// Not about this case: entry `i` is the i-th case that holds a lock, in the order of locking.
    order: usize,
}

impl Lane<'_> {
    pub(crate) const fn new() -> Self {
        Lane { node: MaybeUninit::uninit(), holder: 0, guard: None, order: 0 }
    }
}

impl<'a> Lane<'a> {
    /// # Safety
    ///
    /// `at` is an index of `lanes`, whose `order` nobody writes.
    unsafe fn order(lanes: *const Lane<'a>, at: usize) -> usize {
        // SAFETY: in bounds (contract).
        let lane = unsafe { lanes.add(at) };
        // SAFETY: not written (contract).
        unsafe { (*lane).order }
    }

    /// # Safety
    ///
    /// `index` is an index of `lanes`, whose `guard` is the caller's.
    unsafe fn take_guard(lanes: *mut Lane<'a>, index: usize) -> Option<LockGuard<'a, State>> {
        // SAFETY: in bounds (contract).
        let lane = unsafe { lanes.add(index) };
        // SAFETY: the caller's (contract).
        unsafe { (*lane).guard.take() }
    }
}

/// A select on the long way.
pub(super) struct Gather<'s, 'a> {
    cases: &'s mut [Case<'a>],
    lanes: &'s mut [Lane<'a>],
    /// How many distinct channels there are.
    holders: usize,
}

impl<'s, 'a> Gather<'s, 'a> {
    /// Finds the distinct channels and the order in which to lock them.
    pub(super) fn new(cases: &'s mut [Case<'a>], lanes: &'s mut [Lane<'a>]) -> Gather<'s, 'a> {
        let mut len = 0;
        for (index, case) in cases.iter().enumerate() {
            if case.core.is_some() {
                lanes[len].order = index;
                len += 1;
            }
        }
        let address = |index: usize| cases[index].core.map_or(ptr::null(), ptr::from_ref::<Core>);
        sort_by_key(&mut lanes[..len], address);
        let mut holders = 0_usize;
        for at in 0..len {
            let index = lanes[at].order;
            let last = holders.checked_sub(1).map(|h| lanes[h].order);
            let holder = match last.filter(|&last| address(last) == address(index)) {
                Some(last) => last,
                None => {
                    lanes[holders].order = index;
                    holders += 1;
                    index
                }
            };
            lanes[index].holder = holder;
        }
        Gather { cases, lanes, holders }
    }

    #[cold]
    pub(super) fn run(&mut self, limit: Limit, biased: bool) -> Option<(usize, Status)> {
        loop {
            // Before locking: a thread's first wait may allocate.
            let waiter = Waiter::current();
            self.lock();
            if let Some(index) = self.look(biased) {
                if let Some(status) = self.fire(index) {
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
            if let Some(fired) = self.wait(waiter, deadline) {
                return Some(fired);
            }
        }
    }

    fn lock(&mut self) {
        for at in 0..self.holders {
            let index = self.lanes[at].order;
            self.lanes[index].guard = self.cases[index].core.map(Core::lock);
        }
    }

    fn unlock(&mut self) {
        for at in 0..self.holders {
            let index = self.lanes[at].order;
            self.lanes[index].guard = None;
        }
    }

    /// The channel of a case and its state, which is locked.
    #[inline]
    fn locked(&mut self, index: usize) -> Option<(&'a Core, &mut State)> {
        let core = self.cases[index].core?;
        let holder = self.lanes[index].holder;
        Some((core, &mut **self.lanes[holder].guard.as_mut()?))
    }

    /// A case that is ready now; any, or the first.
    fn look(&mut self, biased: bool) -> Option<usize> {
        // The clock is read once, if at all: this is one instant.
        let mut instant = None;
        let mut ready = 0;
        for index in 0..self.cases.len() {
            let side = self.cases[index].side;
            let is_ready = match self.locked(index) {
                None => false,
                Some((core, st)) => match core.ops.when {
                    // SAFETY: the state is locked.
                    Some(when) => unsafe { when(core, st) }
                        .is_some_and(|when| when <= *instant.get_or_insert_with(now)),
                    None => st.is_ready(core.cap, side),
                },
            };
            if is_ready && biased {
                return Some(index);
            }
            self.cases[index].ready = is_ready;
            ready += u32::from(is_ready);
        }
        draw(self.cases, ready)
    }

    /// Carries the case out and unlocks. `None` if somebody else was faster to claim the other side.
    fn fire(&mut self, index: usize) -> Option<Status> {
        let core = self.cases[index].core?;
        let holder = self.lanes[index].holder;
        let mut guard = self.lanes[holder].guard.take()?;
        // SAFETY: locked.
        let act = unsafe { self.cases[index].act(core, &mut guard) };
        drop(guard);
        self.unlock();
        self.cases[index].settle(core, act)
    }

    /// Steps 3 and 4. `None`: look again.
    fn wait(&mut self, waiter: Waiter, deadline: Option<Instant>) -> Option<(usize, Status)> {
        let claim = Claim::new();
        let mut deadline = deadline;
        for index in 0..self.cases.len() {
            let (side, slot) = (self.cases[index].side, self.cases[index].slot);
            let node: *const Node =
                self.lanes[index].node.write(Node::claimed(waiter, slot, &claim, index + 1));
            let Some((core, st)) = self.locked(index) else { continue };
            if let Some(when) = core.ops.when {
                // SAFETY: the state is locked.
                deadline = earlier(deadline, unsafe { when(core, st) });
            }
            // SAFETY: the node stays in place, and is withdrawn below unless it was popped by the winner.
            unsafe { st.queue(side).push(node) };
            core.publish(st);
        }
        let reason = WaitReason::Select;
        let (lanes, holders) = (self.lanes.as_mut_ptr(), self.holders);
        let commit = move || {
            for at in 0..holders {
                // SAFETY: in bounds; S1 in the module's text: the owner is held up until the last lock is
                // released.
                let index = unsafe { Lane::order(lanes, at) };
                // SAFETY: as above; the owner does not touch the guards until it has passed step 4.
                let guard = unsafe { Lane::take_guard(lanes, index) };
                drop(guard);
            }
        };
        match deadline {
            // SAFETY: the caller's waiter; who readies it has won the claim, so it is one.
            None => unsafe { park(waiter, reason, commit) },
            // SAFETY: as above.
            Some(deadline) => unsafe { park_until(waiter, reason, deadline, &claim, commit) },
        }
        let winner = claim.winner();
        let won = (winner != Claim::TIMED_OUT).then(|| winner - 1);
        // S2: also where the node has been popped by a loser.
        for (index, case) in self.cases.iter().enumerate() {
            if let Some(core) = case.core.filter(|_| Some(index) != won) {
                // SAFETY: written above.
                core.withdraw(unsafe { self.lanes[index].node.assume_init_ref() }, case.side);
            }
        }
        let index = won?;
        // SAFETY: written above.
        let node = unsafe { self.lanes[index].node.assume_init_ref() };
        let status = match node.outcome.get() {
            Outcome::Done => Status::Done,
            Outcome::Closed => Status::Closed,
            Outcome::Permit => Status::Permit,
            Outcome::Paired => Status::Paired(ptr::NonNull::new(node.slot.get().cast::<Node>())?),
            Outcome::Again | Outcome::Pending => return None,
        };
        Some((index, status))
    }
}

/// Sorts the `order` entries. Few cases are the rule: insertion.
fn sort_by_key<K: Ord>(lanes: &mut [Lane<'_>], key: impl Fn(usize) -> K) {
    /// Where moving entries one by one stops being the fastest.
    const FEW: usize = 20;
    if lanes.len() > FEW {
        let mut order: Vec<usize> = lanes.iter().map(|lane| lane.order).collect();
        order.sort_unstable_by_key(|&index| key(index));
        for (lane, index) in lanes.iter_mut().zip(order) {
            lane.order = index;
        }
        return;
    }
    for end in 1..lanes.len() {
        let index = lanes[end].order;
        let mut at = end;
        while at > 0 && key(lanes[at - 1].order) > key(index) {
            lanes[at].order = lanes[at - 1].order;
            at -= 1;
        }
        lanes[at].order = index;
    }
}
