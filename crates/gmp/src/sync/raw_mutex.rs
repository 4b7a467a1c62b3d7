//! The mutex protocol: a state word, and a queue of those who wait.
//!
//! Taking a free lock is one compare-and-swap, giving it back one subtraction. The queue is FIFO, but a
//! lock that is given back is simply free, and whoever runs may take it (*barging*): handing it to a
//! parked waiter would make every contended operation cost a switch. The price is that a waiter can lose
//! for ever, so one that has lost for [`PATIENCE`] makes the lock *starving*: from then on it is handed
//! from holder to waiter in order, and newcomers queue. The scheme is that of Go's `sync.Mutex`.
//!
//! The steps M1 to M4 are those of `mutex_word.rs`.

use std::hint;
use std::time::{Duration, Instant};

use gmp_sched::{Lock, WaitReason, critical};

use super::atomic::AtomicU32;
use super::mutex_word::{MutexWord, Seen};
use super::wait_list::{End, WaitList, WaitNode, broken};

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
    word: MutexWord<AtomicU32>,
    waiters: Lock<WaitList>,
}

impl RawMutex {
    pub(crate) const fn new() -> RawMutex {
        RawMutex { word: MutexWord::new(AtomicU32::new(0)), waiters: Lock::new(WaitList::new()) }
    }

    /// Takes the lock. Parks the goroutine, blocks a plain thread, while somebody else holds it.
    #[inline]
    pub(crate) fn lock(&self) {
        if !self.word.take() {
            self.lock_slow();
        }
    }

    /// Takes the lock if it is free. Neither parks nor blocks.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        let mut seen = self.word.look();
        while seen.is_free() {
            match self.word.compete(seen, false) {
                Ok(()) => return true,
                Err(now) => seen = now,
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
        // M2
        if let Some(seen) = self.word.give_back() {
            self.unlock_slow(seen);
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
            let seen = self.word.look();

            // Free: compete for it.
            if seen.is_free() {
                if self.word.compete(seen, woken).is_ok() {
                    return;
                }
                continue;
            }

            // Held: it may be free in a moment. Meanwhile `unlock` need not wake anybody.
            if let Some(pauses) = spins.next().filter(|_| !seen.is_starving()) {
                woken = woken || self.word.stay_awake(seen);
                (0..pauses).for_each(|_| hint::spin_loop());
                continue;
            }

            // Held for longer: queue and park.
            let began = since.unwrap_or_else(Instant::now);
            match self.queue(woken, since) {
                None => continue,
                Some(OWNED) => {
                    if began.elapsed() < PATIENCE {
                        self.word.calm();
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
        if !self.word.queue(woken, late) {
            return None;
        }
        let end = if since.is_some() { End::Front } else { End::Back };
        Some(node.wait(queue, |list| list, end, WaitReason::Mutex, || ()))
    }

    /// The rest of `unlock`, when somebody waits or is awake.
    #[cold]
    fn unlock_slow(&self, seen: Seen) {
        if seen.is_starving() {
            return self.hand_over();
        }
        if !self.word.may_wake(seen) {
            return;
        }
        // Not to be stopped between popping a waiter and waking it.
        let _section = critical();
        let next = {
            let mut queue = self.waiters.lock();
            let Some(next) = queue.pop() else { broken("a mutex has lost its waiters") };
            if queue.is_empty() {
                self.word.emptied();
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
            self.word.hand_over(queue.is_empty());
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
        self.word.look().is_starving()
    }
}

/// The pauses of one round of spinning: none where nobody else can run meanwhile.
fn spins() -> impl Iterator<Item = u32> {
    let rounds = if super::spin_helps() { SPINS.len() } else { 0 };
    SPINS.into_iter().take(rounds)
}
