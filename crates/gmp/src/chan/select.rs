//! The engine of `select!` and [`Select`](super::Select): carry out the first of several channel operations
//! that can be.
//!
//! It does not know element types; the typed ends are `arm` (the macro) and `dynamic`. There are two ways:
//!
//! * **Glance**, here. The hints tell without a lock which cases are ready. One of them is drawn, only its
//!   channel is locked, and if it still is ready that was all. Not taken where order matters (`biased`), or
//!   the clock does (timers).
//! * **Gather**, in `gather`: lock all channels, look, and wait at all of them.

use std::cell::Cell;
use std::ptr::NonNull;
use std::time::Instant;

use super::core::{Core, Side, State, UNBOUNDED};
use super::gather::{Gather, Lane};
use super::node::Node;
use super::sync::{Critical, fastrand};
use super::transfer::{Got, Sent, Settled};

/// One operation of a select.
#[derive(Debug)]
pub struct Case<'a> {
    /// `None`: never ready.
    pub(super) core: Option<&'a Core>,
    /// The value to send or the place to fill; null for a send whose value comes later.
    pub(super) slot: *mut (),
    /// Where to tell how it went.
    status: Option<&'a Cell<Status>>,
    pub(super) side: Side,
    pub(super) ready: bool,
}

/// How an operation of a select went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was not chosen.
    Idle,
    /// The value has moved.
    Done,
    /// The channel is closed; nothing has moved.
    Closed,
    /// A dynamic send may put its value into the buffer.
    Permit,
    /// A dynamic send owes its value to the receiver with this node.
    Paired(NonNull<Node>),
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// As long as it takes.
    Never,
    /// Not at all.
    Now,
    /// Until then.
    At(Instant),
}

/// What carrying out a case under the lock has left to do after unlocking.
pub(super) enum Act {
    Recv(Got),
    Send(Sent),
    Grant(Option<Status>),
}

impl<'a> Case<'a> {
    /// # Safety
    ///
    /// `slot` holds a value of the channel or has place for one, as `side` says, for as long as the case
    /// lives; it is null only for a send without a value. The value has moved when the status is `Done`.
    #[inline]
    pub(crate) unsafe fn new(
        core: Option<&'a Core>,
        side: Side,
        slot: *mut (),
        status: Option<&'a Cell<Status>>,
    ) -> Case<'a> {
        Case { core, slot, status, side, ready: false }
    }

    /// For `dynamic`: the place for the next receive.
    pub(super) fn set_slot(&mut self, slot: *mut ()) {
        self.slot = slot;
    }

    /// Without the lock: whether this may be ready.
    #[inline]
    fn glance(&self) -> bool {
        self.core.is_some_and(|core| match self.side {
            Side::Recv => core.may_recv(),
            Side::Send => core.may_send(),
        })
    }

    /// Whether this is certainly not ready, which the hint can tell for channels.
    #[inline]
    fn is_refused(&self) -> bool {
        match (self.core, self.side) {
            (None, _) => true,
            (Some(core), Side::Recv) => core.ops.when.is_none() && !core.may_recv_now(),
            (Some(core), Side::Send) => !core.may_send_now(),
        }
    }

    /// With the lock held: carries the operation out, if it is still ready.
    ///
    /// # Safety
    ///
    /// `st` is the locked state of `core`, which is the case's.
    #[inline]
    pub(super) unsafe fn act(&self, core: &Core, st: &mut State) -> Act {
        let act = match self.side {
            // SAFETY: locked; the slot is as `Case::new` demands.
            Side::Recv => Act::Recv(unsafe { (core.ops.recv)(core, st, self.slot) }),
            Side::Send if self.slot.is_null() => Act::Grant(grant(core, st)),
            // SAFETY: as above.
            Side::Send => Act::Send(unsafe { (core.ops.send)(core, st, self.slot) }),
        };
        core.publish(st);
        act
    }

    /// After unlocking: does the rest, and closes the section of the lock. `None` when nothing has happened and it is worth
    /// another look.
    #[inline]
    pub(super) fn settle(&self, section: Critical, core: &Core, act: Act) -> Option<Status> {
        let relay = |from: *const (), to: *mut ()| {
            // SAFETY: a value of the channel and a place for one, from `settle`.
            unsafe { (core.ops.relay)(from, to) }
        };
        let settled = match act {
            // SAFETY: the slot is as `Case::new` demands.
            Act::Recv(got) => unsafe {
                got.settle(section, core, self.slot, core.ops.large, relay)
            },
            // SAFETY: as above.
            Act::Send(sent) => unsafe {
                sent.settle(section, core, self.slot, core.ops.large, relay)
            },
            Act::Grant(status) => return status,
        };
        match settled {
            Settled::Done => Some(Status::Done),
            Settled::Closed => Some(Status::Closed),
            Settled::NotReady | Settled::Again => None,
        }
    }
}

/// Finds a place, or a receiver, for a value that comes later.
#[cold]
fn grant(core: &Core, st: &mut State) -> Option<Status> {
    if st.closed {
        return Some(Status::Closed);
    }
    if let Some(receiver) = st.receivers.pop() {
        return Some(Status::Paired(receiver));
    }
    if !st.has_room(core.cap) {
        return None;
    }
    // An unbounded channel has place for ever.
    st.reserved += usize::from(core.cap != UNBOUNDED);
    Some(Status::Permit)
}

/// Carries out exactly one of `cases` and returns which; `None` when none was ready within `limit`. `lanes`
/// gives the room for waiting, one entry for each case. Parks the goroutine, or blocks the thread.
#[inline]
pub(crate) fn select<'a, L: AsMut<[Lane<'a>]>>(
    cases: &mut [Case<'a>],
    lanes: impl FnOnce() -> L,
    limit: Limit,
    biased: bool,
) -> Option<(usize, Status)> {
    // X9: one case and `default` is a `try_` operation.
    if matches!((limit, &*cases), (Limit::Now, [case]) if case.is_refused()) {
        return None;
    }
    let fired = if biased { None } else { glance(cases) };
    let (index, status) = match fired {
        Some(fired) => fired,
        None => Gather::new(cases, lanes().as_mut()).run(limit, biased)?,
    };
    if let Some(cell) = cases[index].status {
        cell.set(status);
    }
    Some((index, status))
}

/// The short way. `None`: take the long one.
fn glance(cases: &mut [Case<'_>]) -> Option<(usize, Status)> {
    let mut ready = 0;
    for case in &mut *cases {
        if case.core.is_some_and(|core| core.ops.when.is_some()) {
            return None;
        }
        case.ready = case.glance();
        ready += u32::from(case.ready);
    }
    let index = draw(cases, ready)?;
    let case = &cases[index];
    let core = case.core?;
    let mut st = core.lock();
    // SAFETY: just locked.
    let act = unsafe { case.act(core, &mut st) };
    Some((index, case.settle(st.unlock(), core, act)?))
}

/// One of the `ready` cases that are marked so; each with the same probability.
#[inline]
pub(super) fn draw(cases: &[Case<'_>], ready: u32) -> Option<usize> {
    let mut skip = match ready {
        0 => return None,
        1 => 0,
        // Lemire's multiplication instead of a remainder; the bias is below 2^-26 for 64 cases.
        _ => (u64::from(fastrand()) * u64::from(ready)) >> 32,
    };
    cases.iter().position(|case| {
        let hit = case.ready && skip == 0;
        skip = skip.wrapping_sub(u64::from(case.ready));
        hit
    })
}
