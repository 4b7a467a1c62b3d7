//! Counters: one set per P, written by its owner without read-modify-write, summed when somebody asks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::critical::critical;
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicU64, Ordering};

/// A number that one thread at a time increments and anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one. By the owner of the set only.
    #[inline]
    pub(crate) fn bump(&self) {
        self.add(1);
    }

    /// Adds `n`. By the owner of the set only.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: one writer at a time; readers want a recent figure, not an order.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds one from anywhere.
    pub(crate) fn bump_shared(&self) {
        // Relaxed: a statistic.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// A recent value.
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: as in `add`.
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one P counts.
        #[derive(Debug, Default)]
        pub(crate) struct PCounters {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }

        /// Figures of one P, or of all together, since the runtime started.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ProcMetrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl PCounters {
            pub(crate) fn snapshot(&self) -> ProcMetrics {
                ProcMetrics { $($name: self.$name.get(),)* }
            }
        }

        impl ProcMetrics {
            pub(crate) fn add(&mut self, other: &ProcMetrics) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Goroutines spawned here.
    spawned,
    /// Goroutines that ended here.
    finished,
    /// Times a goroutine began or went on here.
    switches,
    /// Times a goroutine gave way (parked or yielded) here.
    parks,
    /// Goroutines taken from other Ps.
    stolen,
    /// Rounds in which something was taken from another P.
    steals,
    /// Goroutines taken from the global queue.
    from_global,
    /// Polls of the descriptors from here.
    polls,
    /// Timers that fired here.
    timers,
    /// Times this P was taken from a goroutine in a blocking section.
    handoffs,
    /// Times this P was taken from a goroutine that slept in the kernel and had not said so.
    retaken,
    /// Times a goroutine gave way because it was asked to.
    preempted_at_call,
    /// Times a goroutine was stopped in the signal handler.
    preempted_by_signal,
}

/// Figures of a scheduler at some moment. Counters of different Ps are read one after the other, so sums
/// can be off by what happened meanwhile.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// All Ps together.
    pub total: ProcMetrics,
    /// Each P that has ever been in use, by number.
    pub procs: Vec<ProcMetrics>,
    /// Goroutines that have not ended.
    pub goroutines: usize,
    /// Threads that run, or have run, goroutines.
    pub threads: usize,
    /// Times a thread was woken to look for work.
    pub wakeups: u64,
    /// Bytes of address space that stacks reserve.
    pub stack_bytes_reserved: usize,
    /// Stacks in use.
    pub stacks: usize,
    /// Ps that idle.
    pub idle_procs: usize,
    /// Ms that look for work.
    pub searching: usize,
    /// Ms that sleep, the one that watches descriptors and timers included.
    pub idle_threads: usize,
    /// Goroutines in the queue that all Ps share, those that were stopped and wait for their turn included.
    pub global_queue: usize,
    /// Goroutines in the queue of each P.
    pub queues: Vec<usize>,
    /// Slices begun on each P.
    pub ticks: Vec<u32>,
    /// How many goroutines are in which state, in Go's words, the most frequent first.
    pub states: Vec<(&'static str, usize)>,
    /// How long goroutines were runnable before they ran: entry `i` counts those between 2^(i-1) and 2^i nanoseconds.
    /// One in 64 is timed, those that a goroutine or timer made ready.
    pub latencies: Vec<u64>,
}

impl Metrics {
    /// The latency that this share of the timed goroutines stayed below, from above, by a factor of two; zero if none
    /// was timed.
    pub fn latency(&self, share: f64) -> Duration {
        let all: u64 = self.latencies.iter().sum();
        let mut seen = 0;
        let at = self.latencies.iter().position(|n| {
            seen += n;
            all > 0 && seen as f64 >= share * all as f64
        });
        at.map_or(Duration::ZERO, |i| Duration::from_nanos(1 << i))
    }
}

/// Buckets of the histogram of latencies: up to 2^39 ns, nine minutes.
pub const LATENCIES: usize = 40;

/// How long goroutines waited in queues, by powers of two.
#[derive(Debug)]
pub(crate) struct Latencies([Counter; LATENCIES]);

impl Latencies {
    pub(crate) fn new() -> Latencies {
        Latencies(std::array::from_fn(|_| Counter::default()))
    }

    /// Counts one that waited for so many nanoseconds. Owner of the P only.
    pub(crate) fn record(&self, nanos: u64) {
        let bucket = (u64::BITS - nanos.leading_zeros()) as usize;
        self.0[bucket.min(LATENCIES - 1)].bump();
    }
}

impl Scheduler {
    /// Goroutines that have not ended.
    pub(crate) fn goroutines(&'static self) -> usize {
        let all = self.totals();
        usize::try_from((all.spawned + self.spawned_elsewhere.get()).saturating_sub(all.finished))
            .unwrap_or(0)
    }

    fn totals(&'static self) -> ProcMetrics {
        let mut sum = ProcMetrics::default();
        (0..self.created()).for_each(|i| sum.add(&self.proc(i).counters.snapshot()));
        sum
    }

    fn latencies(&'static self) -> Vec<u64> {
        let of = |bucket: usize| {
            (0..self.created()).map(|i| self.proc(i).latencies.0[bucket].get()).sum()
        };
        (0..LATENCIES).map(of).collect()
    }

    /// All figures. Allocates.
    pub(crate) fn metrics(&'static self) -> Metrics {
        let section = critical();
        let stacks = self.stacks.stats();
        let idle_threads = self.lists.lock().idle_ms();
        drop(section);
        Metrics {
            total: self.totals(),
            procs: (0..self.created()).map(|i| self.proc(i).counters.snapshot()).collect(),
            goroutines: self.goroutines(),
            threads: self.threads.load(Ordering::Relaxed), // Relaxed: a figure.
            wakeups: self.wakeups.get(),
            stack_bytes_reserved: stacks.bytes,
            stacks: stacks.live,
            idle_procs: self.idle.counts().idle(),
            searching: self.idle.counts().searching(),
            idle_threads,
            global_queue: self.waiting(),
            queues: (0..self.procs()).map(|i| self.proc(i).queued()).collect(),
            ticks: (0..self.procs()).map(|i| self.proc(i).ticks()).collect(),
            states: states(),
            latencies: self.latencies(),
        }
    }
}

/// Goroutines by state.
fn states() -> Vec<(&'static str, usize)> {
    let mut count: BTreeMap<&'static str, usize> = BTreeMap::new();
    crate::inspect::for_each_state(&mut |state| *count.entry(state).or_default() += 1);
    let mut states: Vec<_> = count.into_iter().collect();
    states.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    states
}
