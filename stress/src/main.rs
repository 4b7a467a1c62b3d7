//! `gmp-stress [--minutes N] [--seconds N] [--seed S] [--only NAME] [--procs P]`: long runs of the runtime under load.
//!
//! Each scenario runs in a process of its own for some seconds, with a number that decides everything random in it;
//! then the next one, until the time is over. What it prints about a failure is enough to run that one again. A process
//! that has not ended long after its time is killed, and counts as failed. `cargo xtask stress` builds and runs this.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program of the terminal")]

mod blocked;
mod changes;
mod child;
mod fair;
mod foreign;
mod hog;
mod hogs;
mod latency;
mod ledger;
mod naps;
mod pairs;
mod quiet;
mod restarts;
mod rng;
mod sections;
mod steals;
mod storm;
mod trees;
mod wakes;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rng::Rng;

/// What a scenario is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Decides everything random.
    pub(crate) seed: u64,
    /// How long it should take.
    pub(crate) time: Duration,
    /// GOMAXPROCS.
    pub(crate) procs: usize,
}

/// Runs, checks, and says what it has seen; or what was wrong.
type Scenario = fn(&Run) -> Result<String, String>;

/// Every scenario, by name. To add one: a function in a file of its own, and a line here.
const SCENARIOS: [(&str, Scenario); 29] = [
    ("hog_integers", |run| hog::beside_a_ticker(run, &hogs::INTEGERS)),
    ("hog_allocate", |run| hog::beside_a_ticker(run, &hogs::ALLOCATE)),
    ("hog_format", |run| hog::beside_a_ticker(run, &hogs::FORMAT)),
    ("hog_mutex", |run| hog::beside_a_ticker(run, &hogs::MUTEX)),
    ("hog_print", |run| hog::beside_a_ticker(run, &hogs::PRINT)),
    ("hog_sort", |run| hog::beside_a_ticker(run, &hogs::SORT)),
    ("hog_regex", |run| hog::beside_a_ticker(run, &hogs::REGEX)),
    ("hog_panic", |run| hog::beside_a_ticker(run, &hogs::PANIC)),
    ("hog_backtrace", |run| hog::beside_a_ticker(run, &hogs::BACKTRACE)),
    ("hog_map", |run| hog::beside_a_ticker(run, &hogs::MAP)),
    ("hog_thread_local", |run| hog::beside_a_ticker(run, &hogs::THREAD_LOCAL)),
    ("hog_vector", |run| hog::beside_a_ticker(run, &hogs::VECTOR)),
    ("hog_recursion", |run| hog::beside_a_ticker(run, &hogs::RECURSION)),
    ("hog_c", |run| hog::beside_a_ticker(run, &hogs::C_FUNCTION)),
    ("blocked", blocked::beside_a_ticker),
    ("fair", fair::equal_shares),
    ("kept", fair::procs_are_kept),
    ("cost", fair::cost),
    ("trees", trees::trees),
    ("pairs", pairs::pairs),
    ("steals", steals::steals),
    ("naps", naps::naps),
    ("sections", sections::sections),
    ("foreign", foreign::foreign),
    ("changes", changes::changes),
    ("restarts", restarts::restarts),
    ("wakes", wakes::wakes),
    ("quiet", quiet::nothing_happens),
    ("storm", storm::everything_at_once),
];

struct Args {
    minutes: f64,
    seconds: f64,
    seed: u64,
    procs: usize,
    only: Option<String>,
    child: bool,
}

fn args() -> Result<Args, String> {
    let mut args = Args {
        minutes: 1.0,
        seconds: 3.0,
        seed: std::process::id().into(),
        procs: std::thread::available_parallelism().map_or(2, |n| n.get()),
        only: None,
        child: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let wrong = |e: &dyn std::fmt::Display| format!("{word}: {e}");
        match word.as_str() {
            "--minutes" => args.minutes = value()?.parse().map_err(|e| wrong(&e))?,
            "--seconds" => args.seconds = value()?.parse().map_err(|e| wrong(&e))?,
            "--seed" => args.seed = value()?.parse().map_err(|e| wrong(&e))?,
            "--procs" => args.procs = value()?.parse().map_err(|e| wrong(&e))?,
            "--only" => args.only = Some(value()?),
            "--child" => args.child = true,
            _ => return Err(format!("{word}: not known")),
        }
    }
    Ok(args)
}

fn main() -> ExitCode {
    let args = match args() {
        Ok(args) => args,
        Err(e) => {
            eprintln!("gmp-stress: {e}");
            return ExitCode::from(2);
        }
    };
    if args.child {
        return child::main(
            &args.only.unwrap_or_default(),
            &Run {
                seed: args.seed,
                time: Duration::from_secs_f64(args.seconds),
                procs: args.procs,
            },
        );
    }
    let wanted: Vec<&str> = SCENARIOS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| args.only.as_deref().is_none_or(|only| name.contains(only)))
        .collect();
    if wanted.is_empty() {
        eprintln!("gmp-stress: no scenario has that name");
        return ExitCode::from(2);
    }
    println!("seed {}, {} minutes, {} processors", args.seed, args.minutes, args.procs);
    let end = Instant::now() + Duration::from_secs_f64(60.0 * args.minutes);
    let mut rng = Rng::new(args.seed);
    let (mut runs, mut failures) = (0, 0);
    // Each at least once, also when the time is short.
    while runs < wanted.len() || Instant::now() < end {
        let run = Run {
            // The first round has the seed that was asked for.
            seed: if runs < wanted.len() { args.seed } else { rng.next() },
            time: Duration::from_secs_f64(args.seconds),
            procs: args.procs,
        };
        let name = wanted[runs % wanted.len()];
        runs += 1;
        match child::run(name, &run) {
            Ok(seen) => println!("{name:<18} {seen}"),
            Err(e) => {
                failures += 1;
                println!("{name:<18} FAILED (--only {name} --seed {}): {e}", run.seed);
            }
        }
    }
    println!("{runs} runs, {failures} failures");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
