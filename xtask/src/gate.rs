//! What a gate is: a check of the repository that reports what it ran and how much of it passed.
//!
//! A gate that silently does nothing is worse than none, so every gate returns a count of what it
//! looked at, and a gate that looked at nothing is a failed one. Each gate lives in a file of its
//! own; `ci.rs` runs them in order, `main.rs` runs one by name.

use std::fmt::Write as _;
use std::path::PathBuf;

/// The outcome of one gate.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What was counted, in the plural: "tests", "files".
    pub(crate) unit: &'static str,
    /// How many of them were good.
    pub(crate) passed: usize,
    /// How many of them were not. A gate with a problem counts at least one.
    pub(crate) failed: usize,
    /// Further figures for the summary table, e.g. "9 models, 11 mutants rejected".
    pub(crate) detail: String,
    /// What is wrong, one entry each; empty when the gate passed.
    pub(crate) problems: Vec<String>,
    /// Why the gate had nothing to run with, for the gates that need a tool that may be absent.
    pub(crate) skipped: Option<String>,
}

impl Report {
    /// An empty report that counts `unit`.
    pub(crate) fn new(unit: &'static str) -> Report {
        Report { unit, ..Report::default() }
    }

    /// A report of a gate whose tool is not on this machine.
    pub(crate) fn skipped(reason: impl Into<String>) -> Report {
        Report { unit: "targets", skipped: Some(reason.into()), ..Report::default() }
    }

    /// Notes one problem and counts it as a failure.
    pub(crate) fn problem(&mut self, what: impl Into<String>) {
        self.failed += 1;
        self.problems.push(what.into());
    }

    /// Whether the gate holds: nothing failed, and something was looked at.
    pub(crate) fn holds(&self) -> bool {
        self.skipped.is_some() || (self.failed == 0 && self.problems.is_empty() && self.passed > 0)
    }

    /// The result column of the summary table.
    pub(crate) fn summary(&self) -> String {
        if let Some(reason) = &self.skipped {
            return format!("skipped: {reason}");
        }
        let mut line = format!("{} {}", self.passed, self.unit);
        if self.failed > 0 {
            let _ = write!(line, ", {} failed", self.failed);
        }
        if !self.detail.is_empty() {
            let _ = write!(line, " ({})", self.detail);
        }
        line
    }

    /// Prints the problems and turns the report into a task's result.
    pub(crate) fn into_result(self) -> Result<(), String> {
        for problem in &self.problems {
            eprintln!("  ✗ {problem}");
        }
        println!("  {}", self.summary());
        if self.holds() {
            Ok(())
        } else if self.passed == 0 && self.failed == 0 {
            Err(format!("no {} were found: the gate looked at nothing", self.unit))
        } else {
            Err(format!("{} of {} {} failed", self.failed, self.passed + self.failed, self.unit))
        }
    }
}

/// A check of the repository. An `Err` means that it could not be carried out.
pub(crate) type Gate = fn(&[String]) -> Result<Report, String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // The manifest directory is `<root>/xtask`; cargo sets it when it runs us, and the compiled-in
    // value serves when the binary is started by hand.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_gate_that_looked_at_nothing_does_not_hold() {
        assert!(!Report::new("tests").holds());
        assert!(Report::new("tests").into_result().unwrap_err().contains("nothing"));
    }

    #[test]
    fn one_problem_fails_the_gate() {
        let mut report = Report::new("files");
        report.passed = 10;
        assert!(report.holds());
        report.problem("a.rs:1: trailing space");
        assert!(!report.holds());
        assert_eq!(report.summary(), "10 files, 1 failed");
        assert_eq!(report.into_result().unwrap_err(), "1 of 11 files failed");
    }

    #[test]
    fn a_skipped_gate_says_why() {
        let report = Report::skipped("no nightly");
        assert!(report.holds());
        assert_eq!(report.summary(), "skipped: no nightly");
    }
}
