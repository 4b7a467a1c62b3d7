//! `cargo xtask deny [--install] [--advisories]`: licences, sources and duplicates of what we depend on, by cargo-deny.
//!
//! `deny.toml` says what is allowed. All three workspaces are checked: what is published, and what only tests and
//! measures. Advisories come from a repository of their own, which is fetched, so they are asked for.

use std::time::Duration;

use crate::gate::Report;
use crate::process::capture;
use crate::tools::{self, Tool};

/// With its default features.
const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", options: &[] };

/// The workspaces, by their manifests.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "interop/Cargo.toml", "benches/rivals/Cargo.toml"];

/// The first run may fetch what platforms that are not this one would need.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let deny = match DENY.find(tools::may_build(args), "deny") {
        Ok(deny) => deny,
        Err(reason) => return Ok(Report::skipped(reason)),
    };
    let mut checks = vec!["licenses", "bans", "sources"];
    if args.iter().any(|arg| arg == "--advisories") {
        checks.push("advisories");
    }
    let mut report = Report::new("checks");
    for manifest in WORKSPACES {
        let mut command = tools::command(&deny);
        command.args(["--manifest-path", manifest, "--log-level", "error", "--all-features"]);
        command.args(["check", "--hide-inclusion-graph", "--allow", "license-not-encountered"]);
        let out = capture(command.args(&checks), LIMIT)?;
        let good = verdicts(&out.stderr, &out.stdout);
        report.passed += good;
        if !out.success() || good != checks.len() {
            report.problem(format!("{manifest}: {}", out.transcript().trim_end()));
        }
    }
    report.detail = format!("{} in {} workspaces", checks.join(", "), WORKSPACES.len());
    Ok(report)
}

/// How many checks the closing line calls good: `bans ok, licenses ok, sources ok`.
fn verdicts(stderr: &str, stdout: &str) -> usize {
    let last = |text: &str| text.lines().last().unwrap_or_default().matches(" ok").count();
    last(stderr).max(last(stdout))
}

#[cfg(test)]
mod tests {
    use super::verdicts;

    #[test]
    fn the_closing_line_is_read() {
        assert_eq!(verdicts("", "warning: x\n\nbans ok, licenses ok, sources ok\n"), 3);
        assert_eq!(verdicts("", "bans ok, licenses FAILED, sources ok\n"), 2);
        assert_eq!(verdicts("", ""), 0);
    }
}
