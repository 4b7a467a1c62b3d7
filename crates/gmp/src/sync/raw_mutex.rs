//! The mutex protocol: a state word, and a queue of those who wait.
//!
//! Taking a free lock is one compare-and-swap, giving it back one subtraction. The queue is FIFO, but a
//! lock that is given back is simply free, and whoever runs may take it (*barging*): handing it to a
//! parked waiter would make every contended operation cost a switch. The price is that a waiter can lose
//! for ever, so one that has lost for [`PATIENCE`] makes the lock *starving*: from then on it is handed
//! from holder to waiter in order, and newcomers queue. The scheme is that of Go's `sync.Mutex`.
//!
//! ```text
//! bit 0  LOCKED    somebody holds it          set by who takes it or hands it over; cleared by `unlock`
//! bit 1  WOKEN     a waiter is awake and       set by `unlock` before it pops, or by who spins;
//!                  will look: wake no other     cleared by that waiter when it takes the lock or queues
//! bit 2  STARVING  hand over, no barging       set by a late waiter as it queues; never with WOKEN
//! bit 3  WAITERS   the queue is not empty      changed under the queue's lock only
//! ```
//!
//! Steps, cited below:
//! - **M1** a waiter sets WAITERS, under the queue's lock, in the same step that finds LOCKED set.
//! - **M2** `unlock` clears LOCKED and sees WAITERS in the same step. So either M1 finds the lock free and
//!   takes it, or `unlock` finds the waiter.
//! - **M3** who set WOKEN may pop one waiter and has to; the right passes to that waiter.
//! - **M4** with STARVING set and LOCKED clear, only the `unlock` in progress changes LOCKED. It finds a
//!   waiter: STARVING is set by one that queues, and cleared when the last one is served.

use std::hint;
use std::time::{Duration, Instant};

use gmp_sched::{Lock, WaitReason, critical};

use super::atomic::{AtomicU32, Ordering};
use super::wait_list::{End, WaitList, WaitNode, broken};

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const STARVING: u32 = 4;
const WAITERS: u32 = 8;

/// After this much waiting a waiter no longer accepts to lose. Go's figure: long against a switch (0.1 µs),
/// short against a time slice (10 ms). Smaller: more hand-overs, each a switch; larger: longer tails.
const PATIENCE: Duration = Duration::from_millis(1);

/// Pauses between two looks at the word while spinning; in all about 1 to 3 µs, the cost of parking and
/// being woken. The gaps are long so that the holder keeps the cache line.
const SPINS: [u32; 4] = [10, 20, 30, 40];

/// The grant of a waiter that was woken to compete.
const COMPETE: usize = 0;
/// The grant of a waiter that was handed the lock.
const OWNED: usize = 1;

/// A mutex without a value.
#[derive(Debug)]
pub(crate) struct RawMutex {
    state: AtomicU32,
    waiters: Lock<WaitList>,
}

impl RawMutex {
    pub(crate) const fn new() -> RawMutex {
        RawMutex { state: AtomicU32::new(0), waiters: Lock::new(WaitList::new()) }
    }

    /// Takes the lock. Parks the goroutine, blocks a plain thread, while somebody else holds it.
    #[inline]
    pub(crate) fn lock(&self) {
        // Acquire: pairs with Release in `unlock`; the last holder's writes are visible.
        if self.state.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_slow();
        }
    }

    /// Takes the lock if it is free. Neither parks nor blocks.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut s = self.state.load(Ordering::Relaxed);
        while s & (LOCKED | STARVING) == 0 {
            // Acquire: as in `lock`.
            match self.state.compare_exchange_weak(
                s,
                s | LOCKED,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => s = now,
            }
        }
        false
    }

    /// Gives the lock back. Neither parks nor blocks; allowed in critical sections.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and gives up what it protects.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        // Release: pairs with Acquire in `lock`; publishes what was done under the lock. (M2)
        let s = self.state.fetch_sub(LOCKED, Ordering::Release);
        if s != LOCKED {
            self.unlock_slow(s & !LOCKED);
        }
    }

    #[cold]
    fn lock_slow(&self) {
        // When the first park began.
        let mut since: Option<Instant> = None;
        // Whether this waiter holds the right of M3.
        let mut woken = false;
        let mut spins = spins();
        loop {
            // Relaxed: a guess; each branch decides by compare-and-swap or under the queue's lock.
            let s = self.state.load(Ordering::Relaxed);

            // Free: compete for it.
            if s & (LOCKED | STARVING) == 0 {
                let taken = (s | LOCKED) & if woken { !WOKEN } else { !0 };
                // Acquire: as in `lock`.
                if self
                    .state
                    .compare_exchange_weak(s, taken, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
                {
                    return;
                }
                continue;
            }

            // Held: it may be free in a moment. Meanwhile `unlock` need not wake anybody.
            if let Some(pauses) = spins.next().filter(|_| s & STARVING == 0) {
                if !woken && s & (WOKEN | WAITERS) == WAITERS {
                    // Relaxed: takes the right of M3, orders nothing.
                    let right = self.state.compare_exchange(
                        s,
                        s | WOKEN,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                    woken = right.is_ok();
                }
                (0..pauses).for_each(|_| hint::spin_loop());
                continue;
            }

            // Held for longer: queue and park.
            let began = since.unwrap_or_else(Instant::now);
            match self.queue(woken, since) {
                None => continue,
                Some(OWNED) => {
                    if began.elapsed() < PATIENCE {
                        // Relaxed: a matter of policy; the lock is ours, so M4 does not apply.
                        self.state.fetch_and(!STARVING, Ordering::Relaxed);
                    }
                    return;
                }
                Some(_) => {
                    woken = true;
                    spins = self::spins();
                }
            }
            since = Some(began);
        }
    }

    /// Queues and parks. `None`: the lock is free after all.
    fn queue(&self, woken: bool, since: Option<Instant>) -> Option<usize> {
        let node = WaitNode::new(0);
        let late = woken && since.is_some_and(|t| t.elapsed() >= PATIENCE);
        let queue = self.waiters.lock();
        let mut s = self.state.load(Ordering::Relaxed);
        loop {
            if s & (LOCKED | STARVING) == 0 {
                return None;
            }
            let mut waiting = s | WAITERS;
            if woken {
                waiting &= !WOKEN;
            }
            if late {
                waiting |= STARVING;
            }
            // Relaxed: the queue is published by its lock; that the word says so is M1.
            match self.state.compare_exchange_weak(s, waiting, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => s = now,
            }
        }
        let end = if since.is_some() { End::Front } else { End::Back };
        Some(node.wait(queue, |list| list, end, WaitReason::Mutex, || ()))
    }

    /// The rest of `unlock`, when somebody waits; `s` is the word just after LOCKED was cleared.
    #[cold]
    fn unlock_slow(&self, mut s: u32) {
        if s & STARVING != 0 {
            return self.hand_over();
        }
        loop {
            if s & WAITERS == 0 || s & (LOCKED | WOKEN | STARVING) != 0 {
                // Nobody waits, or the next holder's `unlock`, or one who is awake, will see to it.
                return;
            }
            // Relaxed: takes the right of M3; the queue has its own lock.
            match self.state.compare_exchange_weak(
                s,
                s | WOKEN,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => s = now,
            }
        }
        // Not to be stopped between popping a waiter and waking it.
        let _section = critical();
        let next = {
            let mut queue = self.waiters.lock();
            let Some(next) = queue.pop() else { broken("a mutex has lost its waiters") };
            if queue.is_empty() {
                // Relaxed: the queue's lock orders this against M1.
                self.state.fetch_and(!WAITERS, Ordering::Relaxed);
            }
            next
        };
        next.wake(COMPETE);
    }

    /// M4: the lock goes from this holder to the first waiter without ever being free.
    fn hand_over(&self) {
        let _section = critical();
        let next = {
            let mut queue = self.waiters.lock();
            let Some(next) = queue.pop() else { broken("a starving mutex has lost its waiters") };
            // Relaxed: the waiter's `ready` orders what was done under the lock. LOCKED comes first: with
            // both bits clear a newcomer would take the lock.
            self.state.fetch_or(LOCKED, Ordering::Relaxed);
            if queue.is_empty() {
                // Relaxed: as above.
                self.state.fetch_and(!(WAITERS | STARVING), Ordering::Relaxed);
            }
            next
        };
        next.wake(OWNED);
    }
}

#[cfg(test)]
impl RawMutex {
    /// How many are parked.
    pub(super) fn parked(&self) -> usize {
        self.waiters.lock().len()
    }

    /// Whether the next `unlock` hands over.
    pub(super) fn is_starving(&self) -> bool {
        // Relaxed: polled.
        self.state.load(Ordering::Relaxed) & STARVING != 0
    }
}

/// The pauses of one round of spinning: none where nobody else can run meanwhile.
fn spins() -> impl Iterator<Item = u32> {
    let rounds = if super::spin_helps() { SPINS.len() } else { 0 };
    SPINS.into_iter().take(rounds)
}
