//! `cargo bench -p gmp-benches --bench switch [ARGUMENTS OF CRITERION]`: switches, beside corosensei and generator.
//!
//! Those crates and criterion belong to a workspace of their own (`benches/rivals`), so that the repository's build knows
//! nothing of them; this starts the bench there.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals/Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["bench", "--bench", "switch", "--manifest-path"]).arg(manifest).arg("--");
    // `--bench` is what cargo tells every bench; it tells that one, too.
    command.args(env::args_os().skip(1).filter(|arg| arg != "--bench"));
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
