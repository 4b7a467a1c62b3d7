//! `cargo xtask loom [CRATE..] [--only NAME]`: the models of the lock-free protocols, and the
//! mutants that prove each model able to fail.
//!
//! A model that cannot fail checks nothing. So the sources name steps that may be broken on demand,
//! `mutant("idle-no-recheck")`, and for each name the models are run once more with
//! `GMP_MUTANT=idle-no-recheck`: some model has to reject that run. A mutant that no model rejects
//! fails the gate, as does one that makes a model hang.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use std::{iter, thread};

use crate::cargo::{Artifact, build_silently, cargo, metadata, target_dir};
use crate::files::{self, File};
use crate::gate::{Report, root};
use crate::harness::{self, Counts};
use crate::models::{Mutant, models, mutants};
use crate::process::{Output, capture, show};

/// Crates whose protocols must be modelled; others may be, by depending on loom.
pub(crate) const REQUIRED: [&str; 5] =
    ["gmp-context", "gmp-sched", "gmp-netpoll", "gmp-preempt", "gmp"];

/// The longest all models of one crate may take. A search that explodes is to be cut down with a
/// smaller model, not waited for.
const LIMIT: Duration = Duration::from_secs(300);

/// How often loom may preempt a thread in one execution. Three suffice for nearly every known bug
/// in code of this size, and each further one multiplies the executions; the variable overrides it.
const PREEMPTIONS: &str = "3";

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let (wanted, only) = match args.iter().position(|arg| arg == "--only") {
        Some(at) => (&args[..at], args.get(at + 1).map(String::as_str)),
        None => (args, None),
    };
    let files = files::all(&root())?;
    let mut report = Report::new("models and mutants");
    let (mut all_models, mut all_mutants) = (0, 0);
    for name in modelled()? {
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        let sources: Vec<&File> =
            files.iter().filter(|f| f.is_rust() && f.krate() == Some(name.as_str())).collect();
        let (ran, rejected) = check(&name, &sources, only, &mut report)?;
        all_models += ran;
        all_mutants += rejected;
    }
    report.detail = format!("{all_models} models hold, {all_mutants} mutants rejected");
    Ok(report)
}

/// The crates that depend on loom, and those that must.
fn modelled() -> Result<Vec<String>, String> {
    let metadata = metadata()?;
    let mut names: Vec<String> = REQUIRED.map(str::to_owned).to_vec();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let loom = package["dependencies"].as_array().into_iter().flatten();
        let name = package["name"].as_str().unwrap_or_default();
        if loom.into_iter().any(|d| d["name"] == "loom") && !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// One crate: its models, then its mutants. Gives the numbers of good ones.
fn check(
    name: &str,
    sources: &[&File],
    only: Option<&str>,
    report: &mut Report,
) -> Result<(usize, usize), String> {
    println!("  {name}");
    let models = models(sources);
    let mutants = mutants(sources);
    if models.is_empty() || mutants.is_empty() {
        let what = if models.is_empty() { "model" } else { "mutant" };
        report.problem(format!("{name} has no {what}: its protocols are not checked"));
        return Ok((0, 0));
    }
    let suite = Suite::build(name, &models)?;
    let missing: Vec<&String> =
        models.iter().filter(|m| !suite.tests.iter().any(|t| last(t) == m.as_str())).collect();
    if !missing.is_empty() {
        report.problem(format!("{name}: models that are not part of the loom build: {missing:?}"));
    }
    let tests: Vec<&String> =
        suite.tests.iter().filter(|t| only.is_none_or(|o| t.contains(o))).collect();
    let mut ran = 0;
    if !tests.is_empty() {
        let out = suite.execute(&tests, &[], None)?;
        let counts = Counts::of(&out.stdout);
        println!("    {} models hold, {:.1} s", counts.passed, out.elapsed.as_secs_f64());
        ran = counts.passed;
        report.passed += counts.passed;
        if !out.success() || counts.passed != tests.len() {
            print!("{}", out.transcript());
            let failed = harness::failures(&out).join(", ");
            report.problem(format!("{name}: models: {}: {failed}", out.fate()));
            // A model that fails on sound code proves nothing about a mutant.
            println!("    mutants are left out until the models hold");
            return Ok((ran, 0));
        }
    }
    let chosen: Vec<&Mutant> =
        mutants.iter().filter(|m| only.is_none_or(|o| m.name.contains(o))).collect();
    let mut rejected = 0;
    for (mutant, verdict) in iter::zip(&chosen, verdicts(&suite, &chosen)) {
        match verdict {
            Ok(by) => {
                println!("    mutant {:<36} rejected by {by}", mutant.name);
                rejected += 1;
                report.passed += 1;
            }
            Err(error) => report.problem(format!("{name}: mutant {}: {error}", mutant.name)),
        }
    }
    Ok((ran, rejected))
}

/// What [`reject`] says of each mutant; on all cores, since a model runs on one.
fn verdicts(suite: &Suite, mutants: &[&Mutant]) -> Vec<Result<String, String>> {
    let left = Mutex::new(mutants.iter().enumerate());
    let work = || {
        let next = || left.lock().expect("nobody panics with it").next();
        iter::from_fn(next).map(|(at, mutant)| (at, reject(suite, mutant))).collect::<Vec<_>>()
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, verdict)| verdict).collect()
}

/// Demands that some model rejects `mutant`, and names it.
///
/// The models of the mutant's own module come first, because they nearly always suffice.
fn reject(suite: &Suite, mutant: &Mutant) -> Result<String, String> {
    let (near, far): (Vec<&String>, Vec<&String>) =
        suite.tests.iter().partition(|test| test.contains(&mutant.module));
    for tests in [near, far] {
        if tests.is_empty() {
            continue;
        }
        // One at a time, so that the output names the model in which an abort happened.
        let out = suite.execute(&tests, &["--test-threads=1"], Some(&mutant.name))?;
        if out.status.is_none() {
            return Err(format!("a model hung on it\n{}", out.transcript()));
        }
        if !out.success() {
            return match (harness::failures(&out).first(), harness::unfinished(&out)) {
                (Some(first), _) => Ok((*first).to_owned()),
                (None, Some(test)) => Ok(format!("{test}: {}", out.fate())),
                (None, None) => Err(format!("no model ran: {}\n{}", out.fate(), out.transcript())),
            };
        }
    }
    Err(format!("survived all {} models ({})", suite.tests.len(), mutant.place))
}

/// The loom build of one crate's unit tests.
struct Suite {
    executable: PathBuf,
    folder: PathBuf,
    /// The full names of its models.
    tests: Vec<String>,
}

impl Suite {
    fn build(name: &str, models: &[String]) -> Result<Suite, String> {
        let mut command = cargo();
        command.args(["rustc", "--package", name, "--lib", "--profile", "test"]);
        command.arg("--target-dir").arg(target_dir()?.join("loom"));
        command.env("RUSTFLAGS", "--cfg loom").env("CARGO_INCREMENTAL", "0");
        for profile in ["DEV", "TEST"] {
            // Models run millions of steps: optimise, but keep the assertions.
            command.env(format!("CARGO_PROFILE_{profile}_OPT_LEVEL"), "2");
            command.env(format!("CARGO_PROFILE_{profile}_DEBUG"), "line-tables-only");
        }
        println!("    $ {}", show(&command));
        let artifacts = build_silently(&mut command, &[])?;
        let test = artifacts.into_iter().find(|a| a.test && a.executable.is_some());
        let Some(Artifact { executable: Some(executable), folder, .. }) = test else {
            return Err(format!("{name}: cargo named no test executable"));
        };
        let tests = harness::list(&executable, &folder)?
            .into_iter()
            .filter(|test| models.iter().any(|model| model == last(test)))
            .collect();
        Ok(Suite { executable, folder, tests })
    }

    fn execute(
        &self,
        tests: &[&String],
        flags: &[&str],
        mutant: Option<&str>,
    ) -> Result<Output, String> {
        let mut command: Command = harness::command(&self.executable, &self.folder);
        // What somebody has set by hand is not meant for the others.
        command.env_remove("GMP_MUTANT").envs(mutant.map(|name| ("GMP_MUTANT", name)));
        command.arg("--exact").args(flags).args(tests);
        if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
            command.env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS);
        }
        capture(&mut command, LIMIT)
    }
}

/// The last segment of a test's path.
fn last(test: &str) -> &str {
    test.rsplit("::").next().unwrap_or(test)
}
