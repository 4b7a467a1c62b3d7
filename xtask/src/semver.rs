//! `cargo xtask semver [--install] [--since REVISION]`: does the public interface break what an older revision promised?
//!
//! By cargo-semver-checks, crate by crate, against a revision of this repository: nothing has been published yet, so there
//! is no version to compare with. Not in `cargo xtask ci`: what it finds before 1.0 is a question, not a failure, and the
//! tool takes minutes to build.

use std::process::Command;
use std::time::Duration;

use crate::cargo::{published, target_dir};
use crate::gate::{Report, root};
use crate::process::capture;
use crate::tools::{self, Tool};

const CHECKS: Tool = Tool { name: "cargo-semver-checks", version: "0.51.0", options: &[] };

/// Both sides of a crate are built as documentation in JSON.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let checks = match CHECKS.find(tools::may_build(args), "semver") {
        Ok(checks) => checks,
        Err(reason) => return Ok(Report::skipped(reason)),
    };
    let since = match args.iter().position(|arg| arg == "--since") {
        Some(at) => args.get(at + 1).cloned().ok_or("--since needs a revision")?,
        None => newest_tag()?,
    };
    let mut report = Report::new("crates");
    for name in published()? {
        // Macros have no interface that the tool could read.
        if name == "gmp-macros" {
            continue;
        }
        let mut command = tools::command(&checks);
        command.args(["semver-checks", "--package", &name, "--baseline-rev", &since]);
        command.args(["--color", "never"]).env("CARGO_TARGET_DIR", target_dir()?.join("semver"));
        let out = capture(&mut command, LIMIT)?;
        print!("{}", out.stdout);
        if out.success() {
            report.passed += 1;
        } else {
            report.problem(format!("{name}: {}", out.stderr.trim_end()));
        }
    }
    report.detail = format!("against {since}");
    Ok(report)
}

/// The last release.
fn newest_tag() -> Result<String, String> {
    let mut git = Command::new("git");
    git.args(["describe", "--tags", "--abbrev=0"]).current_dir(root());
    let out = capture(&mut git, Duration::from_secs(20))?;
    let tag = out.stdout.trim();
    if tag.is_empty() {
        Err("no release to compare with: --since REVISION".into())
    } else {
        Ok(tag.into())
    }
}
