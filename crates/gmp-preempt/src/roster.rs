//! Who of a monitor's threads has a slot, and who gets one next: the policy.
//!
//! The roster is a table under the monitor's lock. The monitor's thread uses it, and members do in critical
//! sections, so nobody is ever stopped while holding it. A stopped member may hold the allocator's lock,
//! and the monitor's thread is the one who lets it go on; so nothing here allocates or frees: the table
//! has its capacity from the start, and who leaves takes its own entry out.
//!
//! ```text
//!   enroll ---- a slot is free ------> Running --------- slice over, asleep, others wait --> Blocked
//!      |                                | ^  ^                                                 |
//!      | none free                      | |  '-- a slot is free, nobody waits -----------------|
//!      v                     slice over,| |                                                    |
//!   Arriving <--------------------------|-|--------------------------- computes again ---------'
//!      |                  others wait   v |
//!      | halted                  Stopping | its turn: a slot is free, or handed over
//!      v                                | |
//!   Waiting <------- halted ------------' |
//!      |----------------------------------|
//!      '--> Promised (to be let go on by the one that stops)
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Probe, Verdict,
    monitor::{Member, Order},
};

/// How long a member is watched before it counts as asleep. A running thread's clock advances by
/// nanoseconds; this leaves room for an interrupt or a hypervisor's pause. Longer makes slices longer.
const WATCH: Duration = Duration::from_micros(100);

/// A stop that has not happened after this many slices is taken back (the member is in a long critical
/// section), so that its successor is not stranded. Fewer would take back what a loaded machine delays.
const PATIENCE: u32 = 4;

/// Where a member is; see the figure above.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Told to stop, with no slot to pass on.
    Arriving,
    /// Halted, in the queue at this place.
    Waiting(u64),
    /// Halted, still in its place; a member that stops will let it go on.
    Promised(u64),
    /// Has a slot until then; afterwards `watched` is the first look at its CPU clock.
    Running { until: Instant, watched: Option<(Instant, Probe)> },
    /// Told to stop and to pass its slot to the member with the index `next`.
    Stopping { next: usize, asked: Instant },
    /// Asleep in the kernel; its slot has been given away without its knowledge.
    Blocked(Probe),
}

#[derive(Debug)]
struct Entry {
    member: Arc<Member>,
    state: State,
}

/// The table of members.
#[derive(Debug)]
pub(crate) struct Roster {
    /// As long as the most members that there have been; never longer than its first capacity.
    entries: Vec<Option<Entry>>,
    slots: usize,
    slice: Duration,
    /// The next place in the queue.
    place: u64,
}

impl Roster {
    pub(crate) fn new(slots: usize, slice: Duration, capacity: usize) -> Roster {
        Roster { entries: Vec::with_capacity(capacity), slots, slice, place: 0 }
    }

    /// Adds the calling thread. `Some(true)`: it has a slot. `Some(false)`: it must stop itself now, and
    /// will be let go on. `None`: the table is full, and `member` has not been taken.
    pub(crate) fn enroll(&mut self, member: &Arc<Member>, now: Instant) -> Option<bool> {
        let has_slot = self.slots_used() < self.slots && self.oldest().is_none();
        let until = now + self.slice;
        let vacant = match self.entries.iter().position(Option::is_none) {
            Some(vacant) => vacant,
            None if self.entries.len() < self.entries.capacity() => {
                self.entries.push(None);
                self.entries.len() - 1
            }
            None => return None,
        };
        let state = if has_slot {
            State::Running { until, watched: None }
        } else {
            member.give(Order::Halt);
            State::Arriving
        };
        self.entries[vacant] = Some(Entry { member: Arc::clone(member), state });
        Some(has_slot)
    }

    /// Removes the calling thread, which runs. What is returned is to be dropped outside of the lock.
    pub(crate) fn leave(&mut self, member: &Member, now: Instant) -> Option<Arc<Member>> {
        let index = self.position(|entry| std::ptr::eq(&*entry.member, member))?;
        // The one whose handler has let this thread go on may not be through with `member` yet; it is
        // once it has halted, some instructions later, for which it needs nobody.
        while self.position(|entry| entry.passes_to(index)).is_some() {
            std::thread::yield_now();
            self.collect(now);
        }
        let entry = self.entries[index].take()?;
        // A running thread has not halted, so the order has not been carried out.
        if entry.member.revoke() {
            self.unpromise(entry.state);
        }
        Some(entry.member)
    }

    /// Everything that can be done now. Returns when to look again if nothing rings before.
    pub(crate) fn schedule(&mut self, now: Instant) -> Option<Instant> {
        self.collect(now);
        self.fill(now);
        for index in 0..self.entries.len() {
            self.review(index, now);
        }
        self.fill(now);
        self.next_look(now)
    }

    /// From now on everybody has a slot; returns whether nobody is stopped any more.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        self.slots = usize::MAX;
        for index in 0..self.entries.len() {
            let Some(entry) = &mut self.entries[index] else { continue };
            if entry.member.revoke() {
                let state = entry.run(now);
                self.unpromise(state);
            }
        }
        self.collect(now);
        self.fill(now);
        self.entries.iter().flatten().all(|entry| matches!(entry.state, State::Running { .. }))
    }

    /// Takes note of who has halted since.
    fn collect(&mut self, now: Instant) {
        for index in 0..self.entries.len() {
            let place = self.place;
            let Some(entry) = &mut self.entries[index] else { continue };
            let next = match entry.state {
                State::Arriving if entry.member.has_halted() => None,
                State::Stopping { next, .. } if entry.member.has_halted() => Some(next),
                _ => continue,
            };
            entry.state = State::Waiting(place);
            self.place += 1;
            let until = now + self.slice;
            if let Some(next) = next.and_then(|next| self.entries[next].as_mut()) {
                next.state = State::Running { until, watched: None };
            }
        }
    }

    /// Gives free slots away: to who waits longest, else back to who sleeps.
    fn fill(&mut self, now: Instant) {
        let until = now + self.slice;
        while self.slots_used() < self.slots {
            let blocked = || self.position(|entry| matches!(entry.state, State::Blocked(_)));
            let Some(index) = self.oldest().or_else(blocked) else { return };
            let Some(entry) = &mut self.entries[index] else { return };
            if let State::Waiting(_) = entry.state {
                entry.member.go_on();
            }
            entry.state = State::Running { until, watched: None };
        }
    }

    /// Looks whether one member's slice is over, its sleep has ended, or its stop has not come.
    fn review(&mut self, index: usize, now: Instant) {
        let patience = self.slice * PATIENCE;
        let Some(Entry { member, state }) = &mut self.entries[index] else { return };
        let target = member.target();
        match *state {
            State::Running { until, .. } if now >= until => self.review_running(index, now),
            State::Stopping { asked, .. } if now >= asked + patience && member.revoke() => {
                let before = *state;
                *state = State::Running { until: now, watched: None };
                self.unpromise(before);
            }
            State::Blocked(probe) => match probe.verdict(target) {
                Ok(Verdict::Running) => {
                    member.give(Order::Halt);
                    *state = State::Arriving;
                    // Likely to sleep again: not in the middle of a call, if the system can do that.
                    let asked = target.request_later().or_else(|_| target.request());
                    if asked.is_err() {
                        self.lose(index);
                    }
                }
                Ok(Verdict::Sleeping) => {}
                Err(_) => self.lose(index),
            },
            _ => {}
        }
    }

    /// The slice of the member `index` is over. If somebody waits: watches it, then takes its slot.
    fn review_running(&mut self, index: usize, now: Instant) {
        let oldest = self.oldest();
        let Some(Entry { member, state: State::Running { watched, .. } }) =
            &mut self.entries[index]
        else {
            return;
        };
        let Some(next) = oldest else {
            *watched = None; // a look from now says nothing about later
            return;
        };
        let target = member.target();
        match *watched {
            None => match Probe::start(target) {
                Ok(probe) => *watched = Some((now, probe)),
                Err(_) => self.lose(index),
            },
            Some((since, _)) if now < since + WATCH => {}
            Some((_, probe)) => match probe.verdict(target) {
                Ok(Verdict::Sleeping) if target.is_asleep().unwrap_or(true) => {
                    if let Some(entry) = &mut self.entries[index] {
                        entry.state = State::Blocked(probe);
                    }
                }
                Ok(_) => self.stop(index, next, now),
                Err(_) => self.lose(index),
            },
        }
    }

    /// Tells the member `index` to stop and to let `next` go on.
    fn stop(&mut self, index: usize, next: usize, now: Instant) {
        let Some(Entry { member: successor, state }) = &mut self.entries[next] else { return };
        let State::Waiting(place) = *state else { return };
        *state = State::Promised(place);
        let order = Order::Pass(Arc::as_ptr(successor));
        let Some(Entry { member, state }) = &mut self.entries[index] else { return };
        *state = State::Stopping { next, asked: now };
        member.give(order);
        if member.target().request().is_err() && member.revoke() {
            let state = *state;
            self.unpromise(state);
            self.lose(index);
        }
    }

    /// Puts the successor that `state` names back into its place in the queue.
    fn unpromise(&mut self, state: State) {
        let State::Stopping { next, .. } = state else { return };
        if let Some(Entry { state, .. }) = &mut self.entries[next] {
            if let State::Promised(place) = *state {
                *state = State::Waiting(place);
            }
        }
    }

    /// Forgets a member whose thread has ended without leaving. Leaks it: this thread must not free.
    fn lose(&mut self, index: usize) {
        std::mem::forget(self.entries[index].take());
    }

    fn next_look(&self, now: Instant) -> Option<Instant> {
        let somebody_waits = self.oldest().is_some();
        let look = |entry: &Entry| match entry.state {
            State::Running { until, watched } if somebody_waits => {
                Some(watched.map_or(until, |(since, _)| since + WATCH))
            }
            State::Stopping { asked, .. } => Some(asked + self.slice * PATIENCE),
            State::Blocked(_) => Some(now + self.slice / 2),
            _ => None,
        };
        self.entries.iter().flatten().filter_map(look).min()
    }

    fn slots_used(&self) -> usize {
        let uses =
            |entry: &&Entry| matches!(entry.state, State::Running { .. } | State::Stopping { .. });
        self.entries.iter().flatten().filter(uses).count()
    }

    /// Who has waited longest.
    fn oldest(&self) -> Option<usize> {
        let place = |(index, entry): (usize, &Option<Entry>)| match entry {
            Some(Entry { state: State::Waiting(place), .. }) => Some((*place, index)),
            _ => None,
        };
        self.entries.iter().enumerate().filter_map(place).min().map(|(_, index)| index)
    }

    fn position(&self, test: impl Fn(&Entry) -> bool) -> Option<usize> {
        self.entries.iter().position(|entry| entry.as_ref().is_some_and(&test))
    }
}

impl Entry {
    fn passes_to(&self, index: usize) -> bool {
        matches!(self.state, State::Stopping { next, .. } if next == index)
    }

    /// Lets the state be running without end; returns the one before.
    fn run(&mut self, now: Instant) -> State {
        std::mem::replace(&mut self.state, State::Running { until: now, watched: None })
    }
}
