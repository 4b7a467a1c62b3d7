//! `cargo xtask doctest` and `cargo xtask doc`: the examples in the documentation run, and its
//! links lead somewhere.

use std::time::Duration;

use crate::cargo::{build, cargo};
use crate::gate::Report;
use crate::harness::Counts;
use crate::process::{capture, show};

/// Far above what all examples together take; only a hang reaches it.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn tests(_: &[String]) -> Result<Report, String> {
    let mut command = cargo();
    command.args(["test", "--doc", "--workspace", "--no-fail-fast"]);
    println!("  $ {}", show(&command));
    let out = capture(&mut command, LIMIT)?;
    let counts = Counts::of(&out.stdout);
    let mut report = Report::new("tests");
    (report.passed, report.failed) = (counts.passed, counts.failed);
    if !out.success() {
        print!("{}", out.transcript());
        report.problems.push(format!("doc tests: {}", out.fate()));
        report.failed = report.failed.max(1);
    }
    Ok(report)
}

/// Private items first, because protocols are described where they live; the public pages last, so
/// that those are what remains in `target/doc`.
pub(crate) fn pages(_: &[String]) -> Result<Report, String> {
    let mut report = Report::new("pages");
    for private in [true, false] {
        let mut command = cargo();
        command.args(["doc", "--no-deps", "--workspace", "--lib"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        if private {
            command.arg("--document-private-items");
        }
        match build(&mut command, &[]) {
            Ok(artifacts) => report.passed += artifacts.len(),
            Err(error) => report.problem(error),
        }
    }
    report.detail = "private and public".to_owned();
    Ok(report)
}
