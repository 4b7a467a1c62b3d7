//! `cargo xtask interop [FILTER]`: other people's crates on top of gmp and beside it.
//!
//! rustls, tungstenite, hyper, ureq, tokio and a Redis client, in a workspace of their own (`interop/`), so that the ordinary
//! build and its lock file know nothing of them.

use crate::cargo::{build, cargo};
use crate::gate::Report;
use crate::suite;

pub(crate) fn run(filter: &[String]) -> Result<Report, String> {
    let mut command = cargo();
    // Without naming kinds of targets: the examples are then programs, which the tests start.
    command.args(["test", "--no-run"]);
    command.args(["--manifest-path", "interop/Cargo.toml"]);
    let artifacts = build(&mut command, &[])?;
    let mut report = Report::new("tests");
    let mut executables = 0;
    for artifact in artifacts.iter().filter(|artifact| artifact.test) {
        executables += 1;
        suite::execute(artifact, filter, None, &mut report)?;
    }
    report.detail = format!("{executables} executables");
    Ok(report)
}
