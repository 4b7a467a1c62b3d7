//! Cargo, asked in JSON: what it built, and where the test executables lie.
//!
//! Gates that run tests build first and start the executables themselves. So a compile error and a
//! failing test are told apart by construction, each executable has a time limit of its own, and
//! the counts are read from where they arise.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::gate::root;
use crate::process::{self, capture};

/// The longest a single build may take; it only catches a hung linker or registry.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// One target that cargo built or found fresh.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The package's name.
    pub(crate) package: String,
    /// The target's name and kind, e.g. `steal (test)`.
    pub(crate) target: String,
    /// The folder of the package, in which its tests expect to run.
    pub(crate) folder: PathBuf,
    /// The executable, where the target is one.
    pub(crate) executable: Option<PathBuf>,
    /// Whether it was built with the test harness.
    pub(crate) test: bool,
}

/// The cargo that runs us, in the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The cargo of another toolchain, e.g. `nightly`; `None` when rustup has no such toolchain.
pub(crate) fn toolchain(name: &str) -> Option<Command> {
    let probe = Command::new("rustup").args(["run", name, "cargo", "--version"]).output().ok()?;
    if !probe.status.success() {
        return None;
    }
    let mut command = Command::new("rustup");
    command.args(["run", name, "cargo"]).current_dir(root());
    // What `cargo xtask` itself was started with would otherwise outrank the wish.
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    Some(command)
}

/// Runs a cargo build command in JSON mode and gives back the workspace's own targets.
///
/// `command` is what stands before any `--`, `tail` the rest. Diagnostics are printed as cargo
/// would. Errs with cargo's words and exit status when something does not compile.
pub(crate) fn build(command: &mut Command, tail: &[&str]) -> Result<Vec<Artifact>, String> {
    println!("  $ {} {}", process::show(command), tail.join(" "));
    build_with(command, tail, |_| true)
}

/// [`build`], without a line for the command and without warnings.
pub(crate) fn build_silently(
    command: &mut Command,
    tail: &[&str],
) -> Result<Vec<Artifact>, String> {
    build_with(command, tail, |level| level == "error")
}

fn build_with(
    command: &mut Command,
    tail: &[&str],
    shown: fn(&str) -> bool,
) -> Result<Vec<Artifact>, String> {
    let coloured = if std::io::stderr().is_terminal() { "-diagnostic-rendered-ansi" } else { "" };
    command.arg(format!("--message-format=json{coloured}")).args(tail);
    let out = capture(command, BUILD_LIMIT)?;
    let root = root();
    let mut artifacts = Vec::new();
    for line in out.stdout.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        match message["reason"].as_str() {
            Some("compiler-message") => {
                let message = &message["message"];
                if message["level"].as_str().is_some_and(shown) {
                    eprint!("{}", message["rendered"].as_str().unwrap_or_default());
                }
            }
            Some("compiler-artifact") => artifacts.extend(artifact(&message, &root)),
            _ => {}
        }
    }
    if out.success() {
        Ok(artifacts)
    } else {
        // Diagnostics were printed above; what remains on stderr is progress and cargo's own words.
        let noise =
            ["   Compiling", "    Checking", "    Blocking", " Documenting", "  Downloaded"];
        let words: Vec<&str> =
            out.stderr.lines().filter(|l| !noise.iter().any(|n| l.starts_with(n))).collect();
        Err(format!("{} ({})", words.join("\n"), out.fate()))
    }
}

fn artifact(message: &Value, root: &Path) -> Option<Artifact> {
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    if !folder.starts_with(root) {
        return None;
    }
    let target = &message["target"];
    let package = if folder == root.join("xtask") {
        "xtask".to_owned()
    } else {
        package_name(message["package_id"].as_str()?)
    };
    Some(Artifact {
        package,
        target: format!("{} ({})", target["name"].as_str()?, target["kind"][0].as_str()?),
        folder,
        executable: message["executable"].as_str().map(PathBuf::from),
        test: message["profile"]["test"].as_bool()?,
    })
}

/// `path+file:///r/crates/gmp-sched#0.1.0` and `…/benches#gmp-benches@0.1.0` name their package.
fn package_name(id: &str) -> String {
    let (path, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

/// `cargo metadata` of the workspace's own packages; needs no network.
pub(crate) fn metadata() -> Result<Value, String> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let out = command.stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(format!("`{}`: {}", process::show(&command), out.status));
    }
    serde_json::from_slice(&out.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// The names of the packages that are published, in no particular order.
pub(crate) fn published() -> Result<Vec<String>, String> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    Ok(packages
        .iter()
        .filter(|package| package["publish"].is_null())
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect())
}

/// The folder that cargo builds into.
pub(crate) fn target_dir() -> Result<PathBuf, String> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"].as_str().ok_or("cargo metadata: no target dir")?;
    Ok(PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_name_their_package() {
        assert_eq!(package_name("path+file:///r/crates/gmp-sched#0.1.0"), "gmp-sched");
        assert_eq!(package_name("path+file:///r/benches#gmp-benches@0.1.0"), "gmp-benches");
    }

    #[test]
    fn the_workspace_is_seen() {
        let published = published().unwrap();
        assert!(published.iter().any(|name| name == "gmp"), "{published:?}");
        assert!(!published.iter().any(|name| name == "xtask"), "{published:?}");
    }
}
