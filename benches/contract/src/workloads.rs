//! The table of workloads: names, sizes, units and goals.
//!
//! It exists once, so that the programs and the harness cannot disagree. The sizes make one run
//! take about 0.1 to 1 s on a small machine, long enough that the clock and the start of the
//! worker threads do not show. The goals are those of the design (section 3); those of `mutex_64`,
//! `mutex_1000` and `timers_*` are our own.

/// Which direction is an improvement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// Less is better: times, bytes.
    Lower,
    /// More is better: rates.
    Higher,
}

/// What gmp has to reach.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// The value of gmp over the value of this runtime: at most that much where lower is better,
    /// at least that much where higher is better.
    Versus(&'static str, f64),
    /// Like [`Goal::Versus`], on machines with at least so many processors.
    VersusFrom(usize, &'static str, f64),
    /// At most this value, whatever the others do.
    AtMost(f64),
}

/// One number that a workload yields.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quantity {
    /// Appended to the workload's name in the results, `""` or `".p99"`.
    pub suffix: &'static str,
    /// `ns/op`, `ms`, `B`, `1/s`, `%`.
    pub unit: &'static str,
    /// Direction of improvement.
    pub better: Better,
    /// All of them have to hold.
    pub goals: &'static [Goal],
}

/// One workload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Workload {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What a reader sees.
    pub title: &'static str,
    /// What is counted by `--size`.
    pub counted: &'static str,
    /// Default of `--size`.
    pub size: u64,
    /// Size of `--quick`.
    pub quick: u64,
    /// Size of the warm-up run inside the program.
    pub warm_up: WarmUp,
    /// What it yields.
    pub quantities: &'static [Quantity],
}

/// How much of the workload runs before the clock starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarmUp {
    /// A tenth of the size.
    Tenth,
    /// The size minus so much: for sizes that are exponents.
    Minus(u64),
    /// None: the cold run is what is measured.
    None,
}

impl Workload {
    /// Size of the warm-up run before a measured run of `size`.
    #[must_use]
    pub fn warm_up(&self, size: u64) -> Option<u64> {
        match self.warm_up {
            WarmUp::Tenth => Some((size / 10).max(1)),
            WarmUp::Minus(less) => Some(size.saturating_sub(less).max(1)),
            WarmUp::None => None,
        }
    }

    /// Whether what is measured is the first touch of much memory, `--size` being a number of goroutines or timers.
    #[must_use]
    pub fn touches_memory(&self) -> bool {
        self.name.starts_with("parked") || self.name == "timers_armed"
    }
}

/// The workload of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

const fn ns(goals: &'static [Goal]) -> Quantity {
    Quantity { suffix: "", unit: "ns/op", better: Better::Lower, goals }
}

const fn ms(goals: &'static [Goal]) -> Quantity {
    Quantity { suffix: "", unit: "ms", better: Better::Lower, goals }
}

const fn rate(goals: &'static [Goal]) -> Quantity {
    Quantity { suffix: "", unit: "1/s", better: Better::Higher, goals }
}

const fn named(suffix: &'static str, unit: &'static str, goals: &'static [Goal]) -> Quantity {
    Quantity { suffix, unit, better: Better::Lower, goals }
}

const fn row(
    name: &'static str,
    title: &'static str,
    counted: &'static str,
    sizes: (u64, u64),
    warm_up: WarmUp,
    quantities: &'static [Quantity],
) -> Workload {
    Workload { name, title, counted, size: sizes.0, quick: sizes.1, warm_up, quantities }
}

use Goal::{AtMost, Versus, VersusFrom};
use WarmUp::{Minus, Tenth};

/// Every workload, in the order in which the report shows them.
pub const WORKLOADS: &[Workload] = &[
    row(
        "switch",
        "resume + suspend of a coroutine",
        "round trips",
        (50_000_000, 10_000_000),
        Tenth,
        &[ns(&[Versus("corosensei", 1.0)])],
    ),
    row(
        "spawn_batch",
        "spawn + join, batches of 1000",
        "goroutines",
        (1_000_000, 200_000),
        Tenth,
        &[ns(&[Versus("go", 0.25)])],
    ),
    row(
        "spawn_one",
        "spawn one, wait for it",
        "goroutines",
        (500_000, 100_000),
        Tenth,
        &[ns(&[Versus("go", 0.3)])],
    ),
    row(
        "yield_2",
        "yield, 2 goroutines",
        "yields",
        (5_000_000, 1_000_000),
        Tenth,
        &[ns(&[Versus("go", 0.15)])],
    ),
    row(
        "yield_1000",
        "yield, 1000 goroutines",
        "yields",
        (5_000_000, 1_000_000),
        Tenth,
        &[ns(&[Versus("go", 0.15), Versus("tokio", 1.0)])],
    ),
    row(
        "pingpong",
        "unbuffered ping-pong, round trip",
        "round trips",
        (1_000_000, 200_000),
        Tenth,
        &[ns(&[Versus("go", 0.3)])],
    ),
    row(
        "chan_1to1",
        "buffered(100), 1 to 1",
        "messages",
        (10_000_000, 2_000_000),
        Tenth,
        &[ns(&[Versus("go", 0.6)])],
    ),
    row(
        "chan_100to100",
        "buffered(128), 100 to 100",
        "messages",
        (5_000_000, 1_000_000),
        Tenth,
        &[ns(&[Versus("go", 0.6)])],
    ),
    row(
        "select_4",
        "select over 4",
        "messages",
        (1_000_000, 200_000),
        Tenth,
        &[ns(&[Versus("go", 0.4)])],
    ),
    row(
        "done_10k",
        "10,000 selects with one `done`",
        "messages",
        (2_000_000, 500_000),
        Tenth,
        &[ns(&[Versus("go", 0.6)])],
    ),
    row(
        "mutex_8",
        "mutex, 8 goroutines",
        "lock + unlock",
        (20_000_000, 4_000_000),
        Tenth,
        &[ns(&[Versus("go", 1.0), VersusFrom(16, "go", 0.5)])],
    ),
    row(
        "mutex_64",
        "mutex, 64 goroutines",
        "lock + unlock",
        (20_000_000, 4_000_000),
        Tenth,
        &[ns(&[Versus("go", 1.0)])],
    ),
    row(
        "mutex_1000",
        "mutex, 1,000 goroutines",
        "lock + unlock",
        (20_000_000, 4_000_000),
        Tenth,
        &[ns(&[Versus("go", 1.0)])],
    ),
    row(
        "ring_503",
        "thread ring 503",
        "hops",
        (2_000_000, 400_000),
        Tenth,
        &[ns(&[Versus("go", 0.3)])],
    ),
    row("skynet", "skynet", "leaves", (1_000_000, 100_000), Tenth, &[ms(&[Versus("go", 0.35)])]),
    row(
        "fib",
        "fork-join fib, a goroutine per call",
        "argument",
        (27, 24),
        Minus(5),
        &[ms(&[Versus("go", 0.3)])],
    ),
    row(
        "fork_work",
        "fork-join tree with leaves of about 100 µs",
        "levels",
        (12, 10),
        Minus(5),
        &[ms(&[])],
    ),
    row(
        "sleeps",
        "100k sleeps of 1-50 ms",
        "goroutines",
        (100_000, 50_000),
        Tenth,
        &[ms(&[AtMost(60.0)])],
    ),
    row(
        "timers_armed",
        "a million armed timers",
        "timers",
        (1_000_000, 200_000),
        WarmUp::None,
        &[
            named(".arm", "ns/op", &[Versus("go", 1.0)]),
            named(".bytes", "B", &[]),
            named(".stop", "ns/op", &[Versus("go", 1.0)]),
        ],
    ),
    row(
        "timers_churn",
        "timers set, reset and stopped, per processor",
        "operations",
        (4_000_000, 800_000),
        WarmUp::None,
        &[ns(&[AtMost(200.0), Versus("go", 1.0)])],
    ),
    row(
        "timers_late",
        "lateness of 1000 sleepers beside busy channels",
        "sleeps",
        (50_000, 10_000),
        WarmUp::None,
        &[named(".p50", "ms", &[]), named(".p99", "ms", &[])],
    ),
    row(
        "parked",
        "parked goroutines, default stacks",
        "goroutines",
        (1_000_000, 200_000),
        WarmUp::None,
        &[named(".bytes", "B", &[AtMost(4_700.0)]), named(".spawn", "ns/op", &[Versus("go", 1.2)])],
    ),
    row(
        "parked_64k",
        "parked goroutines, 64 KiB stacks",
        "goroutines",
        (1_000_000, 200_000),
        WarmUp::None,
        &[named(".bytes", "B", &[AtMost(4_350.0)]), named(".spawn", "ns/op", &[Versus("go", 1.2)])],
    ),
    row(
        "hogs",
        "1 ms sleep beside 2 x GOMAXPROCS hogs",
        "sleeps",
        (200, 60),
        WarmUp::None,
        &[named(".p50", "ms", &[AtMost(1.2)]), named(".p99", "ms", &[AtMost(1.5)])],
    ),
    row(
        "blocking",
        "delay of the others beside 2 x GOMAXPROCS blocking calls",
        "sleeps",
        (500, 200),
        WarmUp::None,
        &[named(".p50", "ms", &[]), named(".p99", "ms", &[AtMost(1.0)])],
    ),
    row(
        "echo",
        "64 B TCP echo, 1000 connections",
        "round trips",
        (200_000, 50_000),
        Tenth,
        &[rate(&[Versus("go", 1.3), Versus("tokio", 1.3)])],
    ),
    row(
        "http",
        "HTTP/1.1 hello, wrk -t1 -c256",
        "seconds",
        (5, 2),
        WarmUp::None,
        &[rate(&[Versus("hyper", 1.0)]), named(".p99", "ms", &[Versus("hyper", 1.0)])],
    ),
    row(
        "http_file",
        "HTTP/1.1 file of 1 KiB, wrk -t1 -c256",
        "seconds",
        (5, 2),
        WarmUp::None,
        &[rate(&[Versus("go", 1.8)]), named(".p99", "ms", &[])],
    ),
    row(
        "http_idle_1k",
        "server of `http`, 1,000 idle connections",
        "connections",
        (1_000, 1_000),
        WarmUp::None,
        &[named(".bytes", "B", &[]), named(".cpu", "%", &[AtMost(0.1)])],
    ),
    row(
        "http_idle_10k",
        "server of `http`, 10,000 idle connections",
        "connections",
        (10_000, 10_000),
        WarmUp::None,
        &[named(".bytes", "B", &[]), named(".cpu", "%", &[])],
    ),
    row(
        "idle",
        "10k parked goroutines and 1k idle connections",
        "goroutines",
        (10_000, 10_000),
        WarmUp::None,
        &[named(".cpu", "%", &[AtMost(0.1)]), named(".wakeups", "1/s", &[])],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sizes_divide() {
        for (i, workload) in WORKLOADS.iter().enumerate() {
            assert!(WORKLOADS[..i].iter().all(|other| other.name != workload.name));
            for size in [workload.size, workload.quick] {
                let group = match workload.name {
                    "spawn_batch" | "yield_1000" | "echo" | "mutex_1000" | "timers_late" => 1000,
                    // Fours of operations, on up to 16 processors.
                    "timers_churn" => 4 * 16,
                    "chan_100to100" => 100,
                    "mutex_8" => 8,
                    "mutex_64" => 64,
                    "done_10k" => 10_000,
                    "select_4" => 4,
                    "yield_2" => 2,
                    _ => 1,
                };
                assert_eq!(size % group, 0, "{}", workload.name);
                let warm_up = workload.warm_up(size).unwrap_or(group);
                assert_eq!(warm_up % group, 0, "{}", workload.name);
            }
        }
    }

    #[test]
    fn warm_up_is_smaller_than_the_run() {
        for workload in WORKLOADS {
            assert!(workload.warm_up(workload.size).is_none_or(|warm_up| warm_up < workload.size));
        }
    }
}
