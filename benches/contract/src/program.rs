//! The `main` of a measured program: arguments, warm-up, result lines.
//!
//! Every program is `PROGRAM WORKLOAD [--procs P] [--size N]`, or `PROGRAM --list`, which prints
//! one line per workload that it knows: its name, or its name, a tab and why it cannot be done.
//! `http` alone is different: `PROGRAM http --addr A` serves until it is killed, and the harness
//! measures it from outside with `wrk`.
//! A workload that finds a wrong result panics: no number is better than a wrong one.
#![expect(clippy::print_stdout, reason = "the result lines are the program's product")]
#![expect(clippy::print_stderr, reason = "wrong arguments are reported to a person")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use crate::stats::percentile;
use crate::workloads::{self, Workload};

/// One run of one workload, as asked for on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The row of the table.
    pub workload: &'static Workload,
    /// How many goroutines may run at once; also the number of worker threads of the rivals.
    pub procs: usize,
    /// How much to do, in the workload's own count.
    pub size: u64,
    /// Where `http` serves.
    pub addr: SocketAddr,
}

/// What came out: a value for every quantity of the workload, and the proof that the work was done.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// In the order of [`Workload::quantities`], in their units.
    pub values: Vec<f64>,
    /// Equal in all runtimes for the same workload and size.
    pub check: u64,
}

/// What a program can do with a workload.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// Runs it.
    Run(&'static str, fn(&Job) -> Outcome),
    /// Cannot, and says why; the report repeats it.
    Absent(&'static str, &'static str),
}

impl Outcome {
    /// The median and the 99th percentile of `values`, checked by their number.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn p50_p99(values: &[f64]) -> Outcome {
        let check = values.len() as u64;
        Outcome { values: vec![percentile(values, 50.0), percentile(values, 99.0)], check }
    }
}

impl Job {
    /// Runs the warm-up, then the measured run; `body(n)` does `n` and returns how long that took
    /// and the check.
    ///
    /// # Panics
    /// When the workload has not exactly one quantity, in `ns/op`, `ms` or `1/s`.
    pub fn timed(&self, mut body: impl FnMut(u64) -> (Duration, u64)) -> Outcome {
        if let Some(size) = self.workload.warm_up(self.size) {
            body(size);
        }
        let (elapsed, check) = body(self.size);
        let [quantity] = self.workload.quantities else {
            panic!("{} has more than one quantity", self.workload.name)
        };
        let value = match quantity.unit {
            "ns/op" => elapsed.as_secs_f64() * 1e9 / self.size as f64,
            "ms" => elapsed.as_secs_f64() * 1e3,
            "1/s" => self.size as f64 / elapsed.as_secs_f64(),
            unit => panic!("{} is not timed in {unit}", self.workload.name),
        };
        Outcome { values: vec![value], check }
    }
}

/// Runs the program: see the head of this file. `runtime` is the name in the result lines.
#[must_use]
pub fn run(runtime: &str, entries: &[Entry]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["--list"] {
        for entry in entries {
            match entry {
                Entry::Run(name, _) => println!("{name}"),
                Entry::Absent(name, reason) => println!("{name}\t{reason}"),
            }
        }
        return ExitCode::SUCCESS;
    }
    match parse(&args).and_then(|job| select(entries, job)) {
        Ok((job, body)) => {
            print(runtime, &job, &body(&job));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{runtime}: {message}");
            eprintln!("usage: PROGRAM WORKLOAD [--procs P] [--size N] | PROGRAM --list");
            ExitCode::from(2)
        }
    }
}

type Body = fn(&Job) -> Outcome;

fn select(entries: &[Entry], job: Job) -> Result<(Job, Body), String> {
    for entry in entries {
        match *entry {
            Entry::Run(name, body) if name == job.workload.name => return Ok((job, body)),
            Entry::Absent(name, reason) if name == job.workload.name => {
                return Err(format!("no {name}: {reason}"));
            }
            _ => {}
        }
    }
    Err(format!("no {} in this program", job.workload.name))
}

fn parse(args: &[String]) -> Result<Job, String> {
    let (name, mut rest) = args.split_first().ok_or("which workload?")?;
    let workload = workloads::find(name).ok_or_else(|| format!("unknown workload {name:?}"))?;
    let procs = std::thread::available_parallelism().map_or(1, usize::from);
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let mut job = Job { workload, procs, size: workload.size, addr };
    while let [key, value, tail @ ..] = rest {
        rest = tail;
        if key == "--addr" {
            job.addr = value.parse().map_err(|_| format!("--addr {value}: not IP:PORT"))?;
            continue;
        }
        let number: u64 = value.parse().map_err(|_| format!("{key} {value}: not a number"))?;
        if number == 0 {
            return Err(format!("{key} 0: at least 1"));
        }
        match key.as_str() {
            "--procs" => job.procs = number as usize,
            "--size" => job.size = number,
            _ => return Err(format!("unknown option {key}")),
        }
    }
    if rest.is_empty() { Ok(job) } else { Err(format!("{} needs a value", rest[0])) }
}

/// One JSON line per quantity. Names and units hold nothing that JSON would want escaped.
fn print(runtime: &str, job: &Job, outcome: &Outcome) {
    let Job { workload, procs, size, .. } = *job;
    assert_eq!(workload.quantities.len(), outcome.values.len(), "a value per quantity");
    for (quantity, value) in workload.quantities.iter().zip(&outcome.values) {
        println!(
            "{{\"workload\":\"{}{}\",\"runtime\":\"{runtime}\",\"procs\":{procs},\"n\":{size},\
             \"unit\":\"{}\",\"value\":{value:.6},\"check\":\"{:x}\"}}",
            workload.name, quantity.suffix, quantity.unit, outcome.check,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn parses_what_it_documents() {
        let job = parse(&words("pingpong --procs 3 --size 77")).unwrap();
        assert_eq!((job.workload.name, job.procs, job.size), ("pingpong", 3, 77));
        assert_eq!(parse(&words("fib")).unwrap().size, 27);
        for wrong in
            ["", "nonsense", "fib --procs", "fib --procs 0", "fib --size x", "fib --deep 3"]
        {
            assert!(parse(&words(wrong)).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn timed_warms_up_and_converts() {
        let mut sizes = Vec::new();
        let job = parse(&words("pingpong --size 1000")).unwrap();
        let outcome = job.timed(|n| {
            sizes.push(n);
            (Duration::from_micros(n), n)
        });
        assert_eq!(sizes, [100, 1000]);
        assert_eq!(outcome, Outcome { values: vec![1000.0], check: 1000 });
    }
}
