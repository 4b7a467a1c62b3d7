//! `cargo xtask package`: every published crate could be published today.
//!
//! Packs the whole workspace as a release would, builds each package from what is in it, and looks into each
//! for what a reader of it needs.

use std::time::Duration;

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
    let mut pack = cargo();
    pack.args(["package", "--allow-dirty", "--quiet"]);
    pack.arg("--target-dir").arg(target_dir()?.join("package-gate"));
    for name in published()? {
        pack.args(["--package", &name]);
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
    println!("  $ {}", show(&pack));
    let out = capture(&mut pack, LIMIT)?;
    if !out.success() {
        report.problem(out.stderr);
    }
    Ok(report)
}
