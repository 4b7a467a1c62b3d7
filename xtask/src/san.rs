//! `cargo xtask san [CRATE..]`: the unit tests under the address sanitizer.
//!
//! Needs a nightly compiler; skipped, and said so, where there is none. Not part of `cargo xtask
//! ci`, which has to run on stable. The sanitizer's fake stacks are off: they live on the heap, and
//! code that looks at its own stack pointer must see the real one.

use std::time::Duration;

use crate::cargo::{build, target_dir, toolchain};
use crate::gate::Report;
use crate::harness::{self, Counts};
use crate::process::capture;

/// The crates with most unsafe code; the others follow from the arguments.
const DEFAULT: [&str; 4] = ["gmp-context", "gmp-sched", "gmp-netpoll", "gmp-preempt"];

const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let Some(mut command) = toolchain("nightly") else {
        return Ok(Report::skipped("no nightly"));
    };
    let Some(host) = host() else { return Ok(Report::skipped("no sanitizer for this system")) };
    // With `--target` the flags reach only what runs, not macros and build scripts.
    command.args(["test", "--no-run", "--lib", "--tests", "--target", host, "--target-dir"]);
    command.arg(target_dir()?.join("san")).env("RUSTFLAGS", "-Zsanitizer=address");
    let defaults = DEFAULT.map(str::to_owned);
    for name in if args.is_empty() { &defaults } else { args } {
        command.args(["--package", name]);
    }
    let mut report = Report::new("tests");
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
        if !out.success() {
            print!("{}", out.transcript());
            report.problem(format!("{name}: {}", out.fate()));
        }
    }
    Ok(report)
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
