//! `cargo xtask test [debug|release] [--package NAME] [FILTER]`: the test executables of the
//! workspace, one after the other, each under a time limit.
//!
//! Both profiles are run because they find different faults: debug has the assertions, release has
//! the inlining that a stack switch or a thread-local must survive. Debug also has the allocator that
//! aborts where the runtime must not allocate: the library `alloc-check`, preloaded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cargo::{Artifact, build, build_silently, cargo, target_dir};
use crate::gate::Report;
use crate::harness::{self, Counts};
use crate::process::capture;

/// The longest one test executable may run. The slowest takes a small fraction of it on two cores,
/// so only a hang reaches the limit.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn debug(args: &[String]) -> Result<Report, String> {
    run(false, args)
}

pub(crate) fn release(args: &[String]) -> Result<Report, String> {
    run(true, args)
}

/// `cargo xtask test`: the profile is the first argument.
pub(crate) fn either(args: &[String]) -> Result<Report, String> {
    match args.split_first() {
        Some((profile, rest)) if profile == "release" => run(true, rest),
        Some((profile, rest)) if profile == "debug" => run(false, rest),
        _ => run(false, args),
    }
}

fn run(release: bool, args: &[String]) -> Result<Report, String> {
    let mut command = cargo();
    command.args(["test", "--no-run", "--lib", "--bins", "--tests", "--examples"]);
    if release {
        // Optimised like a release, but linked without LTO, which takes most of an hour for sixty
        // executables on two cores; `cargo test --release` runs them with it.
        command.arg("--release").env("CARGO_PROFILE_RELEASE_LTO", "off");
        command
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    }
    let filter = match args {
        [flag, package, rest @ ..] if flag == "--package" || flag == "-p" => {
            command.args(["--package", package]);
            rest
        }
        rest => {
            command.arg("--workspace");
            if release {
                // The gates' own tests do not depend on the optimiser.
                command.args(["--exclude", "xtask"]);
            }
            rest
        }
    };
    let artifacts = build(&mut command, &[])?;
    let checked = if release { None } else { alloc_check()? };
    let mut report = Report::new("tests");
    let mut executables = 0;
    for artifact in artifacts.iter().filter(|artifact| artifact.test) {
        executables += 1;
        execute(artifact, filter, checked.as_deref(), &mut report)?;
    }
    report.detail = format!("{executables} executables");
    if checked.is_some() {
        report.detail.push_str(", allocations checked");
    }
    Ok(report)
}

/// Builds the library that checks allocations; `None` where it cannot exist.
fn alloc_check() -> Result<Option<PathBuf>, String> {
    let mut command = cargo();
    build_silently(command.args(["build", "--package", "gmp-alloc-check"]), &[])?;
    let library = target_dir()?.join("debug/libgmp_alloc_check.so");
    match library.exists() {
        true => Ok(Some(library)),
        false if cfg!(all(target_os = "linux", target_env = "gnu")) => {
            Err(format!("{}: not built", library.display()))
        }
        false => Ok(None),
    }
}

/// Runs one test executable, under an allocator if there is one, and adds what it says to `report`.
pub(crate) fn execute(
    artifact: &Artifact,
    filter: &[String],
    allocator: Option<&Path>,
    report: &mut Report,
) -> Result<(), String> {
    let Some(executable) = &artifact.executable else { return Ok(()) };
    let name = format!("{} {}", artifact.package, artifact.target);
    let mut command = harness::command(executable, &artifact.folder);
    if let Some(allocator) = allocator {
        command.env("LD_PRELOAD", allocator);
    }
    let out = capture(command.args(filter), LIMIT)?;
    let counts = Counts::of(&out.stdout);
    report.passed += counts.passed;
    report.failed += counts.failed;
    let seconds = out.elapsed.as_secs_f64();
    println!("  {name:<44} {:>4} passed {:>7.2} s", counts.passed, seconds);
    if !out.success() {
        print!("{}", out.transcript());
        let tests = harness::failures(&out);
        let what = format!("{name}: {}: {}", out.fate(), tests.join(", "));
        if counts.failed == 0 {
            report.problem(what); // It ended without a result line: a crash or a hang.
        } else {
            report.problems.push(what);
        }
    }
    Ok(())
}
