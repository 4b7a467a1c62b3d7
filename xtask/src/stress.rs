//! `cargo xtask stress [--minutes N] [--seconds N] [--seed S] [--only NAME] [--procs P]`: long seeded runs.
//!
//! Builds `gmp-stress` as it is released, without LTO, and runs it with these arguments. Each scenario is a process of its
//! own and says with which seed it can be run again. `main.rs` calls it; not in `ci`, which has no minutes to spare.

use std::process::Command;
use std::time::Duration;

use crate::cargo::{cargo, target_dir};
use crate::gate::root;
use crate::process::inherit;

/// For the build.
const BUILD: Duration = Duration::from_secs(1200);
/// What every scenario once, and the one that hangs in the end, take beyond the minutes that were asked for.
const BEYOND: Duration = Duration::from_secs(600);

/// Builds and runs; blocks the thread.
///
/// Fails when the build or any scenario does.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "gmp-stress"]);
    build.env("CARGO_PROFILE_RELEASE_LTO", "off");
    inherit(&mut build, BUILD)?;
    let minutes = match args.iter().position(|arg| arg == "--minutes") {
        Some(at) => {
            args.get(at + 1).and_then(|n| n.parse().ok()).ok_or("--minutes wants a number")?
        }
        None => 1.0,
    };
    let mut stress = Command::new(target_dir()?.join("release/gmp-stress"));
    stress.args(args).current_dir(root());
    inherit(&mut stress, BEYOND + Duration::from_secs_f64(60.0 * minutes))
}
