//! Go's side of the comparisons: each block of Go in a document is a program that `go vet` accepts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::files::{File, write};
use crate::gate::Report;
use crate::process::capture;

/// The first call compiles what it needs of Go's library.
const LIMIT: Duration = Duration::from_secs(180);

/// Checks all blocks of `files` in a folder below `home`; how many there are.
pub(super) fn vet(
    go: &PathBuf,
    files: &[File],
    home: &Path,
    report: &mut Report,
) -> Result<usize, String> {
    let folder = home.join("go");
    let mut packages = Vec::new();
    for file in files.iter().filter(|f| f.path.starts_with("docs/") && f.path.ends_with(".md")) {
        for (line, code) in blocks(&file.text) {
            let package = format!("p{}", packages.len());
            write(&folder.join(&package).join("main.go"), &code)?;
            packages.push((package, format!("{}:{line}", file.path)));
        }
    }
    write(&folder.join("go.mod"), "module documents\n\ngo 1.24\n")?;
    for (package, place) in &packages {
        let mut vet = Command::new(go);
        vet.args(["vet", &format!("./{package}")]).current_dir(&folder);
        let out = capture(vet.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=mod"), LIMIT)?;
        if !out.success() {
            report.problem(format!("{place}: {}", out.stderr.trim_end()));
        }
    }
    Ok(packages.len())
}

/// First line and text of each block that is marked as Go's.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line {
            "```go" => {
                inside = true;
                found.push((index + 1, String::new()));
            }
            "```" => inside = false,
            _ if inside => {
                if let Some((_, code)) = found.last_mut() {
                    code.push_str(line);
                    code.push('\n');
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn only_go_is_taken() {
        let text = "```rust\nfn a() {}\n```\n```go\npackage main\n```\n";
        assert_eq!(blocks(text), [(4, "package main\n".to_owned())]);
    }
}
