//! `cargo xtask msrv`: the published crates compile with the oldest compiler that they promise.
//!
//! Skipped, and said so, where rustup does not have that compiler:
//! `rustup toolchain install 1.85.0 --profile minimal` gets it. Tests, examples and benches are left out,
//! their dependencies may ask for more.

use crate::cargo::{build, published, target_dir, toolchain};
use crate::gate::Report;

/// The `rust-version` of the workspace.
const MSRV: &str = env!("CARGO_PKG_RUST_VERSION");

pub(crate) fn run(_: &[String]) -> Result<Report, String> {
    let exact = format!("{MSRV}.0");
    let Some(mut command) = toolchain(&exact).or_else(|| toolchain(MSRV)) else {
        return Ok(Report::skipped(format!("no toolchain {exact}")));
    };
    command.args(["check", "--lib", "--target-dir"]);
    command.arg(target_dir()?.join("msrv"));
    for name in published()? {
        command.args(["--package", &name]);
    }
    let mut report = Report::new("targets");
    match build(&mut command, &[]) {
        Ok(artifacts) => report.passed = artifacts.len(),
        Err(error) => report.problem(error),
    }
    report.detail = format!("rustc {exact}");
    Ok(report)
}
