//! Running one executable of libtest's, and reading its counts.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{Output, capture};

/// What the result lines of a run add up to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Counts {
    /// Sums every `test result:` line of `text`; rustdoc prints one per crate and edition.
    pub(crate) fn of(text: &str) -> Counts {
        let mut sum = Counts::default();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
            sum.passed += before(line, " passed");
            sum.failed += before(line, " failed");
        }
        sum
    }
}

/// The number that stands right before `word`.
fn before(line: &str, word: &str) -> usize {
    let Some(end) = line.find(word) else { return 0 };
    let digits = line[..end].rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Starts `executable` in `folder`, as `cargo test` would.
pub(crate) fn command(executable: &Path, folder: &Path) -> Command {
    let mut command = Command::new(executable);
    command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder).env("RUST_BACKTRACE", "1");
    command
}

/// The names of the tests in `executable`.
pub(crate) fn list(executable: &Path, folder: &Path) -> Result<Vec<String>, String> {
    let mut list = command(executable, folder);
    let out = capture(list.args(["--list", "--format", "terse"]), Duration::from_secs(60))?;
    if !out.success() {
        return Err(format!("{}: {}\n{}", executable.display(), out.fate(), out.transcript()));
    }
    Ok(out.stdout.lines().filter_map(|l| l.strip_suffix(": test")).map(str::to_owned).collect())
}

/// The names of the tests that `out` reports as failed.
pub(crate) fn failures(out: &Output) -> Vec<&str> {
    let mut names: Vec<&str> = out
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .collect();
    names.sort_unstable();
    names
}

/// The test that was running, one at a time, when the executable ended without a result.
pub(crate) fn unfinished(out: &Output) -> Option<&str> {
    let mut lines = out.stdout.lines().filter_map(|line| line.strip_prefix("test "));
    lines.find_map(|line| line.strip_suffix(" ... ").or(line.strip_suffix(" ...")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_all_result_lines() {
        let text = "
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.10s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        assert_eq!(Counts::of(text), Counts { passed: 15, failed: 2 });
        assert_eq!(Counts::of("nothing ran"), Counts::default());
    }

    #[test]
    fn an_abort_is_laid_at_the_running_tests_door() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test a ... ok'; printf 'test b ... '; kill -9 $$"]);
        let out = capture(&mut command, Duration::from_secs(20)).unwrap();
        assert_eq!(unfinished(&out), Some("b"));
        assert!(failures(&out).is_empty());
    }
}
