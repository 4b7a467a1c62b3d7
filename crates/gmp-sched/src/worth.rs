//! What stealing is worth to a P: how long what it stole has kept it busy.
//!
//! A goroutine that runs elsewhere than it was made costs some cache-line transfers (its G, its task, what it works on):
//! 100 to 500 ns, by how far apart the two cores are. One that runs for 20 ns and ends, or receives a message and parks
//! again, is done sooner where it is, so a program made of such is slowed down by every core that helps. One that spawns
//! a subtree, or computes, is worth it. A P cannot tell beforehand, but it knows how it went the last times: the time until
//! it ran out of work again, by the goroutines stolen. While the average is below [`PAYS`] a thief gives its victim time to
//! do the work itself (`steal.rs`), and robs it only if it does not.

use std::cell::Cell;

/// Nanoseconds of work per stolen goroutine from which on stealing pays: twice the dearest transfer.
const PAYS: u64 = 1_000;

/// The longest time that one raid counts for, so that one long goroutine does not speak for hundreds.
const MOST: u64 = 16 * PAYS;

/// What one P has learnt. By the P's holder only.
#[derive(Debug)]
pub(crate) struct Worth {
    /// Nanoseconds per goroutine, on average.
    average: Cell<u64>,
    /// When the raid was that is not settled, and how many were stolen.
    raid: Cell<(u64, u64)>,
}

impl Worth {
    /// Nothing learnt: stealing is taken to pay.
    pub(crate) fn new() -> Worth {
        Worth { average: Cell::new(MOST), raid: Cell::new((0, 0)) }
    }

    /// Whether a raid is not settled.
    pub(crate) fn is_open(&self) -> bool {
        self.raid.get().1 != 0
    }

    /// `n` were stolen, `now`.
    pub(crate) fn open(&self, now: u64, n: u64) {
        self.raid.set((now, n));
    }

    /// Out of work again, `now`.
    pub(crate) fn settle(&self, now: u64) {
        let (since, n) = self.raid.replace((0, 0));
        if n == 0 {
            return;
        }
        self.observe(now.saturating_sub(since) / n);
    }

    /// A goroutine took so many nanoseconds, here or where it was left.
    pub(crate) fn observe(&self, nanos: u64) {
        // A quarter of the new, so that it takes a few of the other kind to change the mind.
        self.average.set((3 * self.average.get() + nanos.min(MOST)) / 4);
    }

    /// Whether stealing pays.
    pub(crate) fn pays(&self) -> bool {
        self.average.get() >= PAYS
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn some_raids_change_the_mind_either_way() {
        let worth = Worth::new();
        assert!(worth.pays(), "until shown otherwise");
        let raid = |busy: u64, stolen: u64| {
            worth.open(1_000, stolen);
            assert!(worth.is_open());
            worth.settle(1_000 + busy);
            assert!(!worth.is_open());
        };
        raid(20_000, 100);
        assert!(worth.pays(), "one bad raid in a good run");
        (0..20).for_each(|_| raid(20_000, 100));
        assert!(!worth.pays(), "200 ns each");
        raid(1_000_000, 1);
        assert!(worth.pays(), "one subtree");
        worth.settle(9);
        assert!(worth.pays(), "nothing to settle");
    }
}
