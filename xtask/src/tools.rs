//! Programs from crates.io that gates use: found on the machine, or built into `target/tools`.
//!
//! A gate must not depend on what somebody has installed by hand, nor spend minutes on a tool that nobody asked for. So
//! tools are built on request (`--install`) into a folder that `cargo clean` removes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cargo::{cargo, target_dir};
use crate::process::{capture, show};

/// A program of a crate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The crate, and the program in it.
    pub(crate) name: &'static str,
    /// Exactly this one is built; any other that is found will do.
    pub(crate) version: &'static str,
    /// Further arguments of `cargo install`.
    pub(crate) options: &'static [&'static str],
}

/// Builds on two cores take one to four minutes.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Whether gates fetch what takes seconds: asked for, or on the CI machine.
pub(crate) fn may_install(args: &[String]) -> bool {
    may_build(args) || std::env::var_os("CI").is_some()
}

/// Whether gates build what takes minutes, which `cargo xtask ci` has no time for: only asked for.
pub(crate) fn may_build(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--install")
}

impl Tool {
    /// Where it is, after building it if that is allowed and needed.
    ///
    /// # Errors
    ///
    /// Why there is none, and how to get it.
    pub(crate) fn find(&self, install: bool, task: &str) -> Result<PathBuf, String> {
        let root = target_dir()?.join("tools");
        let built = root.join("bin").join(self.name);
        if let Some(found) =
            Some(built.clone()).filter(|b| b.exists()).or_else(|| in_path(self.name))
        {
            return Ok(found);
        }
        if !install {
            return Err(format!("no {}: `cargo xtask {task} --install` builds it", self.name));
        }
        println!("  building {} {}", self.name, self.version);
        let mut command = cargo();
        command.args(["install", "--quiet", "--locked", self.name, "--version", self.version]);
        // Its speed does not matter, the time to build it does.
        command.args(self.options).arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.arg("--root").arg(&root).arg("--target-dir").arg(root.join("build"));
        let out = capture(&mut command, BUILD_LIMIT)?;
        // What it was built from is ten times its size.
        let _ = fs::remove_dir_all(root.join("build"));
        if !out.success() {
            let words = out.stderr.lines().find(|line| line.starts_with("error"));
            return Err(format!("`{}`: {}", show(&command), words.unwrap_or(&out.fate())));
        }
        Ok(built)
    }
}

/// The first executable of this name that the shell would find.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| fs::metadata(path).is_ok_and(|file| file.is_file()))
}

/// The `go` command, the one that the benchmarks have fetched or the machine's own.
pub(crate) fn go() -> Option<PathBuf> {
    let fetched = target_dir().ok()?.join("bench/venv/bin/go");
    Some(fetched).filter(|path| path.exists()).or_else(|| in_path("go"))
}

/// A command that runs `program` in the root of the repository.
pub(crate) fn command(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::gate::root());
    command
}
