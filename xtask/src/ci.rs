//! `cargo xtask ci`: all gates in order, which is what `.ci/run` does and a contributor runs.
//!
//! Cheap gates come first, and the order lets later ones use what earlier ones built. All gates
//! run even after one failed, so that one run tells everything.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::gate::{Gate, Report};
use crate::{
    actions, asm, book, clippy, deny, doc, fmt, interop, loom, msrv, nostd, package, suite, tidy,
};

/// The gates: the task that runs each alone, what it asks, and its entry.
const GATES: [(&str, &str, Gate); 16] = [
    ("fmt", "is every file formatted?", fmt::run),
    ("tidy", "does the repository keep its own rules?", tidy::run),
    ("clippy", "is every target free of warnings?", clippy::run),
    ("test debug", "do the tests pass, with assertions?", suite::debug),
    ("doctest", "do the examples in the documentation run?", doc::tests),
    ("doc", "do the links in the documentation lead somewhere?", doc::pages),
    ("book", "are the documents one book, without dead ends?", book::run),
    ("actions", "do the workflows say what they mean?", actions::run),
    ("test release", "do the tests pass, optimised?", suite::release),
    ("loom", "do the models hold, and reject every mutant?", loom::run),
    ("asm", "is the machine code of the switch what it was?", asm::run),
    ("nostd", "does what needs no std do without it?", nostd::run),
    ("interop", "do others' crates work on top of gmp?", interop::run),
    ("package", "could every crate be published?", package::run),
    ("deny", "may we depend on what we depend on?", deny::run),
    ("msrv", "does the promised compiler accept the crates?", msrv::run),
];

/// One row of the closing table.
struct Row {
    name: &'static str,
    report: Report,
    elapsed: Duration,
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if let Some(arg) = args.first() {
        return Err(format!("ci takes no arguments; `cargo xtask {arg}` runs one gate"));
    }
    let start = Instant::now();
    let mut rows = Vec::new();
    for (index, (name, question, gate)) in GATES.into_iter().enumerate() {
        println!("━━ {}/{} {name}: {question}", index + 1, GATES.len());
        // Output of children and ours share the terminal; what was said first comes first.
        let _ = std::io::stdout().flush();
        let start = Instant::now();
        let report = gate(&[]).unwrap_or_else(|error| {
            let mut report = Report::new("runs");
            report.problem(error);
            report
        });
        for problem in &report.problems {
            println!("  ✗ {problem}");
        }
        rows.push(Row { name, report, elapsed: start.elapsed() });
    }
    finish(&rows, start.elapsed())
}

fn finish(rows: &[Row], elapsed: Duration) -> Result<(), String> {
    println!("━━ summary");
    for Row { name, report, elapsed } in rows {
        let mark = match (&report.skipped, report.holds()) {
            (Some(_), _) => "–",
            (None, true) => "✓",
            (None, false) => "✗",
        };
        println!("  {mark} {name:<14} {:>7.1} s  {}", elapsed.as_secs_f64(), report.summary());
    }
    println!("  {:>26.1} s  in all", elapsed.as_secs_f64());
    let failed: Vec<&str> = rows.iter().filter(|r| !r.report.holds()).map(|r| r.name).collect();
    for name in &failed {
        println!("  `cargo xtask {name}` runs what failed alone");
    }
    let counts = totals(rows);
    println!("{} passed, {} failed", counts.0, counts.1);
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(", "))) }
}

/// Tests and models, passed and failed; a gate that failed otherwise counts one.
fn totals(rows: &[Row]) -> (usize, usize) {
    let mut sum = (0, 0);
    for Row { report, .. } in rows {
        let counts_tests = report.unit == "tests" || report.unit.starts_with("models");
        if counts_tests {
            sum.0 += report.passed;
            sum.1 += report.failed;
        }
        let already_counted = counts_tests && report.failed > 0;
        if !report.holds() && !already_counted {
            sum.1 += 1;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: &'static str, passed: usize, failed: usize) -> Row {
        let report = Report { unit, passed, failed, ..Report::default() };
        Row { name: "x", report, elapsed: Duration::ZERO }
    }

    #[test]
    fn only_tests_are_summed_but_every_failure_counts() {
        assert_eq!(totals(&[row("tests", 40, 0), row("files", 90, 0)]), (40, 0));
        assert_eq!(totals(&[row("tests", 40, 2), row("files", 90, 3)]), (40, 3));
        assert_eq!(totals(&[row("tests", 0, 0)]), (0, 1));
    }

    #[test]
    fn one_failed_gate_fails_the_run() {
        assert!(finish(&[row("tests", 1, 0)], Duration::ZERO).is_ok());
        let error = finish(&[row("tests", 1, 0), row("files", 5, 1)], Duration::ZERO).unwrap_err();
        assert_eq!(error, "x failed");
    }
}
