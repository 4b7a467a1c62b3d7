//! `cargo xtask msrv [--install]`: the published crates, libraries and programs, compile with the oldest compiler that they
//! promise, as they are and with all features.
//!
//! The compiler is rustup's toolchain of that version, or, where rustup cannot get it, Debian's package of it, unpacked
//! into `target/tools` by `--install` (see [`crate::debian`]); the CI machine installs it by itself. Without either the
//! gate is skipped, and says so. Tests, examples and benches are left out: their dependencies may ask for more.

use std::process::Command;

use crate::cargo::{build, published, target_dir, toolchain};
use crate::debian;
use crate::gate::{Report, root};
use crate::tools::may_install;

/// The `rust-version` of the workspace.
const MSRV: &str = env!("CARGO_PKG_RUST_VERSION");

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let (compiler, origin) = match compiler(may_install(args)) {
        Ok(found) => found,
        Err(reason) => return Ok(Report::skipped(format!("no Rust {MSRV}: {reason}"))),
    };
    let mut report = Report::new("targets");
    const PASSES: [&[&str]; 2] = [&[], &["--all-features"]];
    for features in PASSES {
        let mut command = again(&compiler);
        command.args(["check", "--lib", "--bins"]).args(features);
        command.arg("--target-dir").arg(target_dir()?.join("msrv"));
        for name in published()? {
            command.args(["--package", &name]);
        }
        match build(&mut command, &[]) {
            Ok(artifacts) => report.passed += artifacts.len(),
            Err(error) => report.problem(error),
        }
    }
    report.detail = format!("Rust {MSRV}, {origin}");
    Ok(report)
}

/// The same command once more.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    copy.current_dir(root());
    copy
}

/// The oldest cargo, and where it comes from.
fn compiler(install: bool) -> Result<(Command, &'static str), String> {
    let exact = format!("{MSRV}.0");
    if let Some(command) = toolchain(&exact).or_else(|| toolchain(MSRV)) {
        return Ok((command, "of rustup"));
    }
    let folder = target_dir()?.join("tools").join(format!("rust-{MSRV}"));
    if let Some(command) = debian::toolchain(&folder, MSRV) {
        return Ok((command, "of Debian"));
    }
    if !install {
        return Err(format!(
            "`rustup toolchain install {exact} --profile minimal`, or, on Debian, `cargo xtask msrv --install`"
        ));
    }
    debian::install(&folder, MSRV)?;
    let command = debian::toolchain(&folder, MSRV);
    command.map(|c| (c, "of Debian")).ok_or_else(|| "Debian's package does not start".into())
}
