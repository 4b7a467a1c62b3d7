//! `cargo xtask clippy`: every target of the workspace, warnings denied.

use crate::cargo::{build, cargo};
use crate::gate::Report;

pub(crate) fn run(_: &[String]) -> Result<Report, String> {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets"]);
    let mut report = Report::new("targets");
    match build(&mut command, &["--", "-D", "warnings"]) {
        Ok(artifacts) => report.passed = artifacts.len(),
        Err(error) => report.problem(error),
    }
    Ok(report)
}
