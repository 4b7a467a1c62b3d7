//! `--bundle DIR`: the programs and a runner script, for a machine without toolchains.
//!
//! The Rust programs are linked statically against glibc rather than built for musl, whose
//! allocator would change what is measured; Go's are static anyway.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::bench::build::{RIVALS, go_build};
use crate::bench::peers::{self, must};
use crate::cargo::cargo;
use crate::gate::root;
use crate::process::inherit;

/// The longest that one build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The runner that lies beside the programs.
const RUNNER: &str = include_str!("../../../benches/bundle/run.sh");

/// Fills `folder`; what cannot be had is named and left out.
pub(super) fn write(folder: &Path, home: &Path) -> Result<(), String> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|e| format!("{}: {e}", bin.display()))?;
    let target = host()?;
    let manifests = [("Cargo.toml", vec!["gmp"]), ("benches/rivals/Cargo.toml", RIVALS.to_vec())];
    for (manifest, runtimes) in manifests {
        println!("building {} statically", runtimes.join(", "));
        let mut command = cargo();
        // Naming the target keeps the flags away from proc macros, which cannot be static.
        command
            .args(["build", "--release", "--quiet", "--locked", "--bins", "--target", &target])
            .arg("--manifest-path")
            .arg(root().join(manifest))
            .arg("--target-dir")
            .arg(home.join("static"))
            .env("RUSTFLAGS", "-C target-feature=+crt-static");
        if manifest == "Cargo.toml" {
            command.args(["-p", "gmp-benches"]);
        }
        match inherit(&mut command, BUILD_LIMIT) {
            Err(reason) if manifest != "Cargo.toml" => {
                println!("missing: {}: {reason}", runtimes.join(", "));
                continue;
            }
            result => result?,
        }
        for runtime in runtimes {
            let name = format!("{runtime}-bench");
            let from = home.join("static").join(&target).join("release").join(&name);
            fs::copy(&from, bin.join(&name)).map_err(|e| format!("{}: {e}", from.display()))?;
        }
    }
    let go = peers::go(home).and_then(|go| {
        let to = bin.join("go-bench");
        go_build(&go, "bench", &std::path::absolute(to).map_err(|e| e.to_string())?)
    });
    if let Err(reason) = go {
        println!("missing: go: {reason}");
    }
    let runner = folder.join("run.sh");
    fs::write(&runner, RUNNER)
        .and_then(|()| fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)))
        .map_err(|e| format!("{}: {e}", runner.display()))?;
    println!("written: {}; run {}/run.sh there", folder.display(), folder.display());
    Ok(())
}

/// The triple that `rustc` builds for by itself.
fn host() -> Result<String, String> {
    let text = must(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(String::from).ok_or_else(|| "rustc does not name its host".into())
}
