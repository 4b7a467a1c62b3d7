//! Helpers of the tests of `gmp::sync`, `gmp::time` and `gmp::context`: one body, three kinds of parties.

use std::thread;
use std::time::{Duration, Instant};

/// Who takes part in a test.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parties {
    Goroutines,
    Threads,
    /// Goroutines and plain threads by turns.
    Both,
}

/// A party that was started.
pub(crate) enum Handle<T> {
    Goroutine(gmp::JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

impl<T> Handle<T> {
    pub(crate) fn join(self) -> thread::Result<T> {
        match self {
            Handle::Goroutine(h) => h.join(),
            // std blocks the thread: the others need its P meanwhile.
            Handle::Thread(h) => gmp::blocking(|| h.join()),
        }
    }
}

impl Parties {
    /// Starts the `n`th party.
    pub(crate) fn start<F, T>(self, n: usize, f: F) -> Handle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Parties::Threads => Handle::Thread(thread::spawn(f)),
            Parties::Both if n % 2 == 1 => Handle::Thread(thread::spawn(f)),
            _ => Handle::Goroutine(gmp::go(f)),
        }
    }

    /// Starts `n` parties and waits for all of them.
    pub(crate) fn all<F, T>(self, n: usize, f: F) -> Vec<T>
    where
        F: Fn(usize) -> T + Send + Sync + Clone + 'static,
        T: Send + 'static,
    {
        let start = |i| {
            let f = f.clone();
            self.start(i, move || f(i))
        };
        let handles: Vec<_> = (0..n).map(start).collect();
        handles.into_iter().map(|h| h.join().expect("a party has panicked")).collect()
    }
}

/// Runs `body` as the main goroutine.
pub(crate) fn goroutine<T: Send, F: FnOnce() -> T + Send>(body: F) -> T {
    // SAFETY: no test keeps a thread-local over a park.
    unsafe { gmp::run(body) }
}

/// Runs `body` with each kind of parties.
pub(crate) fn with_all_parties<F: Fn(Parties) + Send + Sync>(body: F) {
    body(Parties::Threads);
    goroutine(|| {
        body(Parties::Goroutines);
        body(Parties::Both);
    });
}

/// Polls until `condition` holds.
#[track_caller]
pub(crate) fn until<F: Fn() -> bool>(condition: F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        gmp::yield_now();
    }
}

/// A seeded random number generator (splitmix64), so that a failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Every test file uses its own part of this module; this uses all of it.
const _: fn() = || {
    let _ = (goroutine::<(), fn()>, with_all_parties::<fn(Parties)>, until::<fn() -> bool>);
    let _ = (Parties::start::<fn(), ()>, Parties::all::<fn(usize), ()>, Random(0).below(1));
};
