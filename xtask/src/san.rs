//! `cargo xtask san [CRATE..]`: the tests under the address sanitizer, and `gmp-context`'s under valgrind.
//!
//! Needs a nightly compiler, and valgrind; skipped, and said so, without. Not part of `cargo xtask
//! ci`, which has to run on stable. The sanitizer's fake stacks are off: they live on the heap, and
//! code that looks at its own stack pointer must see the real one.
//!
//! That nothing is found proves little, so `gmp-context`'s test `scope` plants what must be found.

use std::process::Command;
use std::time::Duration;

use crate::cargo::{build, cargo, target_dir, toolchain};
use crate::gate::Report;
use crate::harness::{self, Counts};
use crate::process::capture;

/// The crates with most unsafe code; the others follow from the arguments.
const DEFAULT: [&str; 4] = ["gmp-context", "gmp-sched", "gmp-netpoll", "gmp-preempt"];

/// The test that plants errors.
const PLANTED: &str = "gmp-context scope";

const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let Some(mut command) = toolchain("nightly") else {
        return Ok(Report::skipped("no nightly"));
    };
    let Some(host) = host() else { return Ok(Report::skipped("no sanitizer for this system")) };
    // With `--target` the flags reach only what runs, not macros and build scripts.
    command.args(["test", "--no-run", "--lib", "--tests", "--target", host, "--target-dir"]);
    command.arg(target_dir()?.join("san")).env("RUSTFLAGS", "-Zsanitizer=address");
    // So that the sanitizer is told of each change of stacks.
    command.args(["--features", "gmp-context/sanitizer", "--package", "gmp-context"]);
    let defaults = DEFAULT.map(str::to_owned);
    for name in if args.is_empty() { &defaults } else { args } {
        command.args(["--package", name]);
    }
    let mut report = Report::new("tests");
    let mut planted = 0;
    for artifact in build(&mut command, &[])?.iter().filter(|a| a.test) {
        if artifact.target.ends_with("(proc-macro)") {
            continue; // It runs inside the compiler, and is linked against the compiler's std.
        }
        let Some(executable) = &artifact.executable else { continue };
        let mut command = harness::command(executable, &artifact.folder);
        command.env("ASAN_OPTIONS", "detect_stack_use_after_return=0:detect_leaks=0");
        let out = capture(&mut command, LIMIT)?;
        let counts = Counts::of(&out.stdout);
        let name = format!("{} {}", artifact.package, artifact.target);
        println!("  {name:<44} {:>4} passed", counts.passed);
        report.passed += counts.passed;
        if name.contains(PLANTED) {
            planted = counts.passed;
        }
        if !out.success() {
            print!("{}", out.transcript());
            report.problem(format!("{name}: {}", out.fate()));
        }
    }
    if planted == 0 {
        report.problem(format!("`{PLANTED}` did not run: nothing shows that errors are found"));
    }
    valgrind(&mut report)?;
    Ok(report)
}

/// Runs the tests of `gmp-context` that neither fork nor make a hundred thousand stacks under valgrind.
fn valgrind(report: &mut Report) -> Result<(), String> {
    const TESTS: [&str; 5] = ["coroutine", "switch", "segments", "tree", "registers"];
    let Some(out) = Command::new("valgrind").arg("--version").output().ok() else {
        println!("  no valgrind");
        return Ok(());
    };
    println!("  {}", String::from_utf8_lossy(&out.stdout).trim());
    let mut command = cargo();
    command.args(["test", "--no-run", "--package", "gmp-context"]);
    command.args(["--features", "gmp-context/valgrind", "--target-dir"]);
    command.arg(target_dir()?.join("valgrind"));
    for test in TESTS {
        command.args(["--test", test]);
    }
    for artifact in build(&mut command, &[])?.iter().filter(|a| a.test) {
        let Some(executable) = &artifact.executable else { continue };
        let mut command = Command::new("valgrind");
        command.args(["--error-exitcode=9", "--quiet", "--fair-sched=yes"]).arg(executable);
        command.arg("--test-threads=1").current_dir(&artifact.folder);
        command.env("PROPTEST_CASES", "20");
        let out = capture(&mut command, LIMIT)?;
        let counts = Counts::of(&out.stdout);
        let name = format!("valgrind {}", artifact.target);
        println!("  {name:<44} {:>4} passed", counts.passed);
        report.passed += counts.passed;
        // A switch that it was not told of is a warning, not an error.
        if !out.success() || out.stderr.contains("client switching stacks") {
            print!("{}", out.transcript());
            report.problem(format!("{name}: {}", out.fate()));
        }
    }
    Ok(())
}

/// The target triple of this machine, where the sanitizer works on it.
fn host() -> Option<&'static str> {
    match (std::env::consts::ARCH, std::env::consts::OS) {
        ("x86_64", "linux") => Some("x86_64-unknown-linux-gnu"),
        ("aarch64", "linux") => Some("aarch64-unknown-linux-gnu"),
        ("aarch64", "macos") => Some("aarch64-apple-darwin"),
        _ => None,
    }
}
