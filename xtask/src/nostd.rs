//! `cargo xtask nostd`: what `gmp-context` offers without `std` is built without it, and runs.
//!
//! A library that says `no_std` may still be linked with the standard library by one of its dependencies. So its example
//! `bare` is built as a program with a panic handler of its own, which the compiler accepts in no program that has `std`. Not
//! by cargo, which would build it with the features that the tests' dependencies ask of shared ones.

use std::process::Command;
use std::time::Duration;

use crate::cargo::{build, cargo, target_dir};
use crate::gate::{Report, root};
use crate::process::{self, capture};

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(_: &[String]) -> Result<Report, String> {
    let folder = target_dir()?.join("nostd");
    let mut library = cargo();
    library.args(["build", "--release", "--package", "gmp-context", "--no-default-features"]);
    library.arg("--lib").arg("--target-dir").arg(&folder);
    library.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
    let mut report = Report::new("builds");
    report.passed += build(&mut library, &[])?.len();

    let release = folder.join("release");
    let (source, program) = ("crates/gmp-context/examples/bare.rs", release.join("bare"));
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(root()).args(["--edition", "2024", "-O", "-C", "panic=abort", source]);
    rustc.arg("-o").arg(&program).arg("-L").arg(release.join("deps"));
    rustc
        .arg("--extern")
        .arg(format!("gmp_context={}", release.join("libgmp_context.rlib").display()));
    for mut step in [rustc, Command::new(&program)] {
        println!("  $ {}", process::show(&step));
        let out = capture(&mut step, LIMIT)?;
        if out.success() {
            report.passed += 1;
        } else {
            print!("{}", out.transcript());
            report.problem(format!("`{}`: {}", process::show(&step), out.fate()));
            break;
        }
    }
    Ok(report)
}
