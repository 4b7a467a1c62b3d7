//! Measuring: the programs take turns, round by round.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gmp_bench_contract::workloads::Workload;

use crate::bench::build::{Built, Program};
use crate::bench::options::Options;
use crate::bench::progress::Progress;
use crate::bench::results::{Missing, Results, Series};
use crate::bench::{http, idle, machine, peers, store, warm};
use crate::process::{Output, capture};

/// The longest that one run may take, and that of `--quick`. The sizes are made for a second; a runtime that needs this
/// long has left the comparison.
const RUN_LIMIT: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(15)];

/// A runtime whose first run of a workload takes so much longer than what every run of it waits for, without `--quick` and
/// with it, gets fewer rounds of it.
const LONG: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(1)];

/// How many rounds it gets after that one.
const FEW: [usize; 2] = [2, 0];

/// How the workloads of [`idle`] begin.
const IDLES: &str = "http_idle";

/// Whose workloads are accounted for, each and every one; the other programs take part where they say so.
const COMPLETE: [&str; 4] = ["gmp", "go", "tokio", "may"];

/// Name, value and check of each quantity of one run.
type Values = Vec<(String, f64, String)>;

/// One contestant in one workload.
struct Contestant<'a> {
    runtime: &'a str,
    run: Box<dyn Fn() -> Result<Values, String> + 'a>,
}

/// Measures everything that `options` asks for.
pub(super) fn all(built: &Built, home: &Path, options: &Options) -> Result<Results, String> {
    let mut results = Results { procs: options.procs, ..Results::default() };
    results.notes = machine::notes();
    results.notes.extend(built.versions.iter().cloned());
    results.notes.push(format!(
        "GOMAXPROCS {}, {} rounds, {} sizes",
        options.procs,
        options.rounds,
        if options.quick { "quick" } else { "full" }
    ));
    if let Some(warning) = machine::warning() {
        println!("note: {warning}");
        results.notes.push(warning);
    }
    let asked = |missing: &&Missing| {
        let measured = |name: &String| options.workloads().iter().any(|w| w.name == name);
        missing.workload.as_ref().is_none_or(measured)
    };
    results.missing.extend(built.missing.iter().filter(asked).cloned());
    let workloads = options.workloads();
    let progress = Progress::new(workloads.len());
    for (at, workload) in workloads.iter().enumerate() {
        let contestants = contestants(workload, built, home, options, &mut results.missing);
        progress.workload(at, workloads.len(), contestants.len() * options.rounds);
        measure(workload, &contestants, options, &progress, &mut results);
    }
    progress.clear();
    Ok(results)
}

/// Lets the contestants of one workload take turns.
fn measure(
    workload: &Workload,
    contestants: &[Contestant<'_>],
    options: &Options,
    progress: &Progress,
    results: &mut Results,
) {
    let size = options.size(workload);
    let mut found: BTreeMap<(usize, String), Series> = BTreeMap::new();
    // How many rounds each contestant still gets.
    let mut left = vec![options.rounds; contestants.len()];
    for round in 0..options.rounds {
        for turn in 0..contestants.len() {
            // Each round begins with another one, so that nobody always follows the same neighbour.
            let at = (turn + round) % contestants.len();
            if left[at] == 0 {
                progress.ran();
                continue;
            }
            left[at] -= 1;
            let contestant = &contestants[at];
            progress.run(workload.name, contestant.runtime, round + 1);
            if workload.touches_memory() {
                warm::memory(size);
            }
            let start = Instant::now();
            match (contestant.run)() {
                Ok(values) => {
                    for (name, value, check) in values {
                        let runtime = contestant.runtime.to_owned();
                        let key = (at, name.clone());
                        let series = found.entry(key).or_insert_with(|| Series {
                            name,
                            runtime,
                            size,
                            values: Vec::new(),
                            check: check.clone(),
                        });
                        series.values.push(value);
                        if series.check != check {
                            series.check = format!("{} and {check}", series.check);
                        }
                    }
                }
                Err(reason) => {
                    left[at] = 0;
                    let (workload, runtime) =
                        (Some(workload.name.into()), contestant.runtime.into());
                    results.missing.push(Missing { workload, runtime, reason });
                }
            }
            progress.ran();
            if round == 0 {
                left[at] = left[at].min(further_rounds(workload, options, start.elapsed()));
            }
        }
    }
    results.series.extend(found.into_values().filter(|series| !series.values.is_empty()));
    progress.line(workload.name, results);
}

/// How many rounds a contestant gets after the first one, which took so long.
fn further_rounds(workload: &Workload, options: &Options, took: Duration) -> usize {
    let quick = usize::from(options.quick);
    let own = took.saturating_sub(workload.waits(options.size(workload)));
    let most = options.rounds - 1;
    if own > LONG[quick] { most.min(FEW[quick]) } else { most }
}

/// Who takes part in `workload`; who cannot is noted in `missing`.
fn contestants<'a>(
    workload: &'static Workload,
    built: &'a Built,
    home: &Path,
    options: &Options,
    missing: &mut Vec<Missing>,
) -> Vec<Contestant<'a>> {
    // Servers are one workload of a program, asked in several ways.
    let idles = workload.name.starts_with(IDLES);
    let runs = if idles { "http" } else { workload.name };
    missing.extend(absent(workload.name, runs, built));
    let (procs, size) = (options.procs, options.size(workload));
    let limit = RUN_LIMIT[usize::from(options.quick)];
    let runners = built.programs.iter().filter(|p| p.runs.iter().any(|name| name == runs));
    if idles {
        return runners
            .map(|program| Contestant {
                runtime: &program.runtime,
                run: Box::new(move || idle_once(program, workload.name, procs, size)),
            })
            .collect();
    }
    if !workload.name.starts_with("http") {
        return runners
            .map(|program| Contestant {
                runtime: &program.runtime,
                run: Box::new(move || once(program, workload.name, procs, size, limit)),
            })
            .collect();
    }
    let wrk = match peers::wrk() {
        Ok(wrk) => wrk,
        Err(reason) => {
            let (workload, runtime) = (Some(workload.name.into()), "wrk".into());
            missing.push(Missing { workload, runtime, reason });
            return Vec::new();
        }
    };
    let serve = move |server: &mut Command, addr, path: &str| {
        let seen = http::measure(&wrk, server, addr, path, size)?;
        let check = format!("{} bytes", seen.body);
        Ok(vec![
            (workload.name.to_owned(), seen.rate, check.clone()),
            (format!("{}.p99", workload.name), seen.p99, check),
        ])
    };
    if workload.name == "http" {
        return runners
            .map(|program| {
                let serve = serve.clone();
                let run = move || {
                    let addr = http::free_address()?;
                    serve(&mut http_server(program, procs, addr), addr, "/")
                };
                Contestant { runtime: &program.runtime, run: Box::new(run) }
            })
            .collect();
    }
    let folder = home.join("www");
    if let Err(error) =
        crate::bench::write(&folder.join("file.txt"), &"0123456789abcde\n".repeat(64))
    {
        let (workload, runtime) = (Some(workload.name.into()), "all".into());
        missing.push(Missing { workload, runtime, reason: error });
        return Vec::new();
    }
    built
        .file_servers
        .iter()
        .map(|(runtime, path)| {
            let (serve, folder) = (serve.clone(), folder.clone());
            let run = move || {
                let addr = http::free_address()?;
                let mut server = raised(path);
                server.arg(addr.to_string()).arg(&folder).env("GOMAXPROCS", procs.to_string());
                serve(&mut server, addr, "/file.txt")
            };
            Contestant { runtime, run: Box::new(run) }
        })
        .collect()
}

/// The programs that do not run `workload`, which they call `runs`, and why not.
fn absent(workload: &str, runs: &str, built: &Built) -> Vec<Missing> {
    let absent = |program: &Program| {
        let told = program.absent.iter().find(|(name, _)| name == runs);
        let complete = COMPLETE.contains(&&*program.runtime);
        let known = program.runs.iter().any(|name| name == runs)
            // The servers of `http_file` are programs of their own.
            || workload == "http_file" && built.file_servers.iter().any(|s| s.0 == program.runtime)
            || built.missing.iter().any(|m| {
                m.runtime == program.runtime && m.workload.as_deref() == Some(workload)
            });
        let reason = match told {
            Some((_, reason)) => reason.clone(),
            None if complete && !known => "not written".into(),
            None => return None,
        };
        Some(Missing { workload: Some(workload.into()), runtime: program.runtime.clone(), reason })
    };
    built.programs.iter().filter_map(absent).collect()
}

/// Runs a program once; the name, value and check of each quantity.
fn once(
    program: &Program,
    workload: &str,
    procs: usize,
    size: u64,
    limit: Duration,
) -> Result<Values, String> {
    let mut command = raised(&program.path);
    command.arg(workload);
    command.args(["--procs", &procs.to_string(), "--size", &size.to_string()]);
    let out = capture(command.env("RUST_BACKTRACE", "0"), limit)?;
    if !out.success() {
        return Err(why(&out));
    }
    let lines = store::lines(&out.stdout)?;
    Ok(lines.into_iter().map(|line| (line.name, line.value, line.check)).collect())
}

/// The command that serves HTTP at `addr`.
fn http_server(program: &Program, procs: usize, addr: SocketAddr) -> Command {
    let mut server = raised(&program.path);
    server.args(["http", "--procs", &procs.to_string(), "--addr", &addr.to_string()]);
    server
}

/// Measures so many idle connections once.
fn idle_once(
    program: &Program,
    workload: &str,
    procs: usize,
    connections: u64,
) -> Result<Values, String> {
    let addr = http::free_address()?;
    let this = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let mut server = http_server(program, procs, addr);
    let seen = idle::measure(&mut server, &mut raised(&this), addr, connections)?;
    let check = format!("{} bytes", seen.body);
    Ok(vec![
        (format!("{workload}.bytes"), seen.bytes, check.clone()),
        (format!("{workload}.cpu"), seen.cpu, check),
    ])
}

/// A command with as many descriptors as the machine lets it have: echo and idle need 2,000, `http_idle_10k` 10,000.
fn raised(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""]).arg(program);
    command
}

/// The telling line of a failed run, and how it ended.
fn why(out: &Output) -> String {
    let lines: Vec<&str> = out.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    // A panic says where in the first line and what in the second.
    let telling = match lines.iter().position(|line| line.contains("panicked at")) {
        Some(at) => lines.get(at + 1).or(lines.get(at)),
        None => lines.first(),
    };
    match telling {
        Some(line) => format!("{} ({})", line.trim(), out.fate()),
        None => out.fate(),
    }
}

#[cfg(test)]
mod tests {
    use gmp_bench_contract::workloads::{WORKLOADS, find};

    use super::*;

    fn options(line: &str) -> Options {
        let args: Vec<String> = line.split_whitespace().map(String::from).collect();
        Options::parse(&args).unwrap().unwrap()
    }

    /// Whether they cannot, have not been built, or were never written.
    #[test]
    fn who_does_not_take_part_is_named() {
        let program = |runtime: &str, runs: &[&str], absent: &[(&str, &str)]| Program {
            runtime: runtime.into(),
            path: "".into(),
            runs: runs.iter().map(|&name| name.into()).collect(),
            absent: absent.iter().map(|&(name, why)| (name.into(), why.into())).collect(),
        };
        let unbuilt = Missing {
            workload: Some("http_file".into()),
            runtime: "go".into(),
            reason: "it failed".into(),
        };
        let built = Built {
            programs: vec![
                program("gmp", &["fib", "http"], &[]),
                program("go", &["http"], &[("fib", "too slow")]),
                program("tokio", &[], &[("http", "see hyper")]),
                program("hyper", &["http"], &[]),
            ],
            file_servers: vec![("gmp".into(), "".into())],
            missing: vec![unbuilt],
            versions: Vec::new(),
        };
        let absent = |workload, runs| {
            let missing = absent(workload, runs, &built).into_iter();
            missing.map(|m| format!("{}: {}", m.runtime, m.reason)).collect::<Vec<_>>()
        };
        assert_eq!(absent("fib", "fib"), ["go: too slow", "tokio: not written"]);
        assert_eq!(absent("http_idle_1k", "http"), ["tokio: see hyper"]);
        assert_eq!(absent("http_file", "http_file"), ["tokio: not written"]);
        let of_none = ["gmp: not written", "go: not written", "tokio: not written"];
        assert_eq!(absent("echo", "echo"), of_none);
    }

    /// What a run of wrk, or the watching of what is idle, takes.
    #[test]
    fn what_a_run_waits_for_costs_no_rounds() {
        let rounds = |name, line, seconds| {
            let took = Duration::from_secs_f64(seconds);
            1 + further_rounds(find(name).unwrap(), &options(line), took)
        };
        for name in ["http", "http_file", "idle"] {
            assert_eq!((rounds(name, "", 6.3), rounds(name, "", 11.5)), (7, 3), "{name}");
        }
        assert_eq!((rounds("http", "--quick", 3.3), rounds("http", "--quick", 4.5)), (3, 1));
        assert_eq!((rounds("http_idle_10k", "", 9.5), rounds("http_idle_10k", "", 10.5)), (7, 3));
        assert_eq!((rounds("fib", "", 4.9), rounds("fib", "", 5.1)), (7, 3));
        assert_eq!((rounds("fib", "--n 2", 5.1), rounds("fib", "--quick", 1.1)), (2, 1));
        for workload in WORKLOADS {
            for line in ["", "--quick"] {
                let options = options(line);
                let waits = workload.waits(options.size(workload));
                let all = options.rounds - 1;
                assert_eq!(further_rounds(workload, &options, waits), all, "{}", workload.name);
            }
        }
    }
}
