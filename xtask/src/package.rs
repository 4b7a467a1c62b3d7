//! `cargo xtask package`: every published crate could be published today.
//!
//! Packs the whole workspace as a release would, builds each package from what is in it, and looks into each
//! for what a reader of it needs.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use crate::cargo::{cargo, metadata, published, target_dir};
use crate::gate::Report;
use crate::process::{capture, show};

/// Files that every package carries.
const CARRIED: [&str; 5] =
    ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"];

/// Manifest fields that every package fills.
const FILLED: [&str; 6] =
    ["description", "license", "readme", "rust_version", "keywords", "categories"];

const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(_: &[String]) -> Result<Report, String> {
    let mut report = Report::new("packages");
    let metadata = metadata()?;
    let folder = target_dir()?.join("package-gate");
    let (mut pack, mut clean) = (cargo(), cargo());
    pack.args(["package", "--allow-dirty", "--quiet", "--target-dir"]).arg(&folder);
    clean.args(["clean", "--quiet", "--target-dir"]).arg(&folder);
    for name in published()? {
        pack.args(["--package", &name]);
        clean.args(["--package", &name]);
        let mut faults = Vec::new();
        let package = metadata["packages"].as_array().into_iter().flatten();
        for field in package.filter(|p| p["name"] == name.as_str()).flat_map(|p| {
            FILLED.iter().filter(|field| match &p[**field] {
                serde_json::Value::Array(values) => values.is_empty(),
                value => value.is_null(),
            })
        }) {
            faults.push(format!("no `{}` in the manifest", field.replace('_', "-")));
        }
        let mut list = cargo();
        list.args(["package", "--list", "--allow-dirty", "--package", &name]);
        let out = capture(&mut list, LIMIT)?;
        if out.success() {
            let carried = |file: &&&str| !out.stdout.lines().any(|line| line == **file);
            faults.extend(CARRIED.iter().filter(carried).map(|file| format!("no {file}")));
        } else {
            faults.push(format!("`{}`: {}", show(&list), out.stderr.trim_end()));
        }
        println!("  {name:<16} {} files", out.stdout.lines().count());
        if faults.is_empty() {
            report.passed += 1;
        } else {
            report.problem(format!("{name}: {}", faults.join(", ")));
        }
    }
    for name in published()? {
        forget(&name)?;
    }
    // What was compiled from them, too.
    let out = capture(&mut clean, LIMIT)?;
    if !out.success() {
        report.problem(out.stderr);
    }
    println!("  $ {}", show(&pack));
    let out = capture(&mut pack, LIMIT)?;
    if !out.success() {
        report.problem(out.stderr);
    }
    Ok(report)
}

/// Removes what cargo keeps of `name` from the last time that it was packed: it unpacks a version once, and would build
/// the packages that depend on it with what it was then.
fn forget(name: &str) -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".cargo"))) else { return Ok(()) };
    for kind in ["src", "cache"] {
        // Those of real registries begin with a host; a package of the same name from there is not ours.
        let unnamed = |folder: &Path| {
            folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"-"))
        };
        for folder in entries(&home.join("registry").join(kind)).filter(|f| unnamed(f)) {
            for entry in entries(&folder).filter(|e| is_version_of(e, name)) {
                let removed = if entry.is_dir() {
                    fs::remove_dir_all(&entry)
                } else {
                    fs::remove_file(&entry)
                };
                removed.map_err(|e| format!("{}: {e}", entry.display()))?;
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Whether `path` ends in `<name>-<a version>`, so that `gmp` is not `gmp-sched`.
fn is_version_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_longer_names() {
        assert!(is_version_of(Path::new("/r/gmp-0.1.0"), "gmp"));
        assert!(is_version_of(Path::new("/r/gmp-sched-0.1.0.crate"), "gmp-sched"));
        assert!(!is_version_of(Path::new("/r/gmp-sched-0.1.0"), "gmp"));
        assert!(!is_version_of(Path::new("/r/gmp"), "gmp"));
    }
}
