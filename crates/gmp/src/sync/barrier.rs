//! `Barrier`: n parties meet, then all go on.

use std::fmt;

use gmp_sched::{Lock, WaitReason};

use super::wait_list::{End, WaitList, WaitNode};

/// A meeting point for a fixed number of parties, reusable.
///
/// ```
/// let barrier = gmp::sync::Barrier::new(2);
/// std::thread::scope(|s| {
///     let other = s.spawn(|| barrier.wait().is_leader());
///     let leader = barrier.wait().is_leader();
///     assert!(leader ^ other.join().unwrap());
/// });
/// ```
#[derive(Debug)]
pub struct Barrier {
    parties: usize,
    meeting: Lock<Meeting>,
}

#[derive(Debug)]
struct Meeting {
    arrived: usize,
    waiters: WaitList,
}

impl Barrier {
    /// A barrier for `parties`; none and one let everybody pass at once.
    pub const fn new(parties: usize) -> Barrier {
        Barrier { parties, meeting: Lock::new(Meeting { arrived: 0, waiters: WaitList::new() }) }
    }

    /// Waits until all parties have come; exactly one of them, the last, is told that it leads. Then the
    /// barrier is as new. Parks the goroutine, blocks a plain thread.
    pub fn wait(&self) -> BarrierWaitResult {
        let node = WaitNode::new(0);
        let mut meeting = self.meeting.lock();
        meeting.arrived += 1;
        if meeting.arrived < self.parties {
            node.wait(meeting, |m| &mut m.waiters, End::Back, WaitReason::Barrier, || ());
            return BarrierWaitResult(false);
        }
        meeting.arrived = 0;
        let others = meeting.waiters.take();
        drop(meeting);
        others.wake(0);
        BarrierWaitResult(true)
    }
}

/// What [`Barrier::wait`] says.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether the caller is the one that leads.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.0).finish()
    }
}

#[cfg(test)]
impl Barrier {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.meeting.lock().waiters.len()
    }
}
