//! `cargo xtask fmt`: rustfmt over every Rust file of the repository, also those that no target
//! reaches.

use std::process::Command;
use std::time::Duration;

use crate::files;
use crate::gate::{Report, root};
use crate::process::inherit;

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let files: Vec<_> = files::all(&root())?.into_iter().filter(|f| f.is_rust()).collect();
    let mut command = Command::new("rustfmt");
    command.current_dir(root()).args(["--edition", "2024"]);
    if !args.iter().any(|arg| arg == "--fix") {
        command.arg("--check");
    }
    println!("  $ rustfmt --edition 2024 --check  (on {} files)", files.len());
    command.args(files.iter().map(|file| file.path.as_str()));
    let mut report = Report::new("files");
    match inherit(&mut command, Duration::from_secs(300)) {
        Ok(()) => report.passed = files.len(),
        Err(_) => report.problem("not formatted; `cargo xtask fmt --fix` mends it"),
    }
    Ok(report)
}
