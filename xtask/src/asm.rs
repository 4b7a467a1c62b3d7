//! `cargo xtask asm [--aarch64] [--bless]`: has the machine code of the switch changed?
//!
//! The switch is a dozen instructions whose neighbours the compiler chooses: what it saves around them is the cost. So the
//! code of a few functions of `gmp-context`'s example `asm` is kept in `crates/gmp-context/asm/`, and this gate builds them
//! anew and compares. Another compiler may do it differently and no worse: look at the difference, then `--bless` it. With
//! another compiler than the one in the file's first line only what is written by hand is compared, since this gate
//! of `cargo xtask ci` runs with whatever compiler there is. The other architecture is built with what `cargo xtask cross` has installed, and compared by that.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::cargo::{build, cargo, target_dir};
use crate::cross;
use crate::files;
use crate::gate::{Report, root};

/// The functions that are kept, in the order of the file; of those the first [`BY_HAND`] are no compiler's.
const FUNCTIONS: [&str; 5] = [
    "gmp_context_start",
    "gmp_context_call_on",
    "gmp_asm_switch",
    "gmp_asm_resume",
    "gmp_asm_suspend",
];

const BY_HAND: usize = 2;

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let (mut bless, mut arch) = (false, std::env::consts::ARCH);
    for arg in args {
        match arg.as_str() {
            "--bless" => bless = true,
            "--aarch64" => arch = "aarch64",
            _ => return Err("asm takes --aarch64 and --bless".into()),
        }
    }
    compare(arch, bless)
}

/// Compares the code for one architecture, or keeps it.
pub(crate) fn compare(arch: &str, bless: bool) -> Result<Report, String> {
    let foreign = arch != std::env::consts::ARCH;
    let assembly = assembly(foreign)?;
    let mut report = Report::new("functions");
    let compiler = compiler(foreign)?;
    let mut text = format!("# {compiler}\n# `cargo xtask asm --bless` writes this file.\n");
    for function in FUNCTIONS {
        let Some(code) = extract(&assembly, function) else {
            report.problem(format!("{function} is not in the assembly"));
            continue;
        };
        let _ = write!(text, "\n{code}");
        report.passed += 1;
    }
    let path = root().join(format!("crates/gmp-context/asm/{arch}.s"));
    if bless {
        files::write(&path, &text)?;
        return Ok(report);
    }
    let mut kept = fs::read_to_string(&path).unwrap_or_default();
    if !kept.starts_with(&format!("# {compiler}\n")) {
        println!("  kept of another compiler: compares what is written by hand");
        report.passed = report.passed.min(BY_HAND);
        (kept, text) = (by_hand(&kept).to_owned(), by_hand(&text).to_owned());
    }
    if kept != text {
        let old: Vec<&str> = kept.lines().collect();
        let new: Vec<&str> = text.lines().collect();
        old.iter().filter(|line| !new.contains(line)).for_each(|line| println!("  - {line}"));
        new.iter().filter(|line| !old.contains(line)).for_each(|line| println!("  + {line}"));
        let (old, new) = (old.len(), new.len());
        report.problem(format!(
            "{} differs ({old} lines, now {new}); look at it, then `cargo xtask asm --bless`",
            path.display()
        ));
    }
    Ok(report)
}

/// The part of the file that no compiler has made.
fn by_hand(text: &str) -> &str {
    let place = |function: &str| text.find(&format!("\n{function}:"));
    match (place(FUNCTIONS[0]), place(FUNCTIONS[BY_HAND])) {
        (Some(start), Some(end)) if start < end => &text[start..end],
        _ => "",
    }
}

fn compiler(foreign: bool) -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = if foreign { cross::RUSTC.into() } else { rustc };
    let out = std::process::Command::new(rustc).arg("--version").output();
    let out = out.map_err(|e| format!("rustc: {e}"))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Builds the example and returns all assembly that the compiler made of it and of the crate.
fn assembly(foreign: bool) -> Result<String, String> {
    let mut target: PathBuf = target_dir()?.join(if foreign { "asm-cross" } else { "asm" });
    let mut command = cargo();
    command.args(["build", "--release", "--package", "gmp-context", "--example", "asm"]);
    command.arg("--target-dir").arg(&target);
    command.env("RUSTFLAGS", "--emit=asm -Cdebuginfo=0 -Ccodegen-units=1");
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    if foreign {
        cross::prepare(&mut command);
    }
    build(&mut command, &[])?;
    if foreign {
        target.push(cross::TARGET);
    }
    let mut all = String::new();
    for folder in ["deps", "examples"] {
        let entries = fs::read_dir(target.join("release").join(folder));
        let entries = entries.map_err(|e| format!("{}: {e}", target.display()))?;
        // Of several builds the newest counts: it comes first.
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "s"));
        files.sort_by_key(|path| {
            std::cmp::Reverse(path.metadata().and_then(|meta| meta.modified()).ok())
        });
        for path in files {
            all += &fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(all)
}

/// The instructions and labels of one function, without directives and comments, labels renumbered from 1 on.
fn extract(assembly: &str, function: &str) -> Option<String> {
    let start = format!("{function}:");
    let mut code = format!("{start}\n");
    let mut labels: Vec<String> = Vec::new();
    for line in assembly.lines().skip_while(|line| *line != start).skip(1) {
        let line = line.split_once("//").map_or(line, |(code, _)| code).trim_end();
        let text = line.trim_start();
        if text == ".cfi_endproc" || text.starts_with(".Lfunc_end") {
            return Some(rename(&code, &labels));
        }
        let label = text.strip_suffix(':').filter(|label| label.starts_with(".L"));
        if let Some(label) = label {
            labels.push(label.to_owned());
        }
        let directive = text.starts_with('.') && label.is_none();
        if !(text.is_empty() || directive || text.starts_with('#')) {
            let text = unhashed(&text.replace('\t', " "));
            let _ = writeln!(code, "{}{text}", if label.is_some() { "" } else { "    " });
        }
    }
    None
}

/// A line without the hashes in mangled names, which depend on where the repository lies: `17h` and 16 digits, `Cs` up to
/// the next underscore.
fn unhashed(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("17h").or_else(|| rest.find("NtCs").map(|at| at + 2)) {
        let hash = if rest[at..].starts_with("17h") {
            rest.get(at..at + 19)
        } else {
            rest[at..].find('_').map(|len| &rest[at..at + len])
        };
        let len = hash.map_or(rest.len() - at, str::len);
        clean += &rest[..at];
        rest = &rest[at + len..];
    }
    clean + rest
}

/// Gives local labels numbers in the order of their places.
fn rename(code: &str, labels: &[String]) -> String {
    let mut code = code.to_owned();
    for (number, label) in labels.iter().enumerate() {
        let mut renamed = String::with_capacity(code.len());
        let mut rest = code.as_str();
        while let Some(at) = rest.find(label.as_str()) {
            let after = &rest[at + label.len()..];
            let whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            renamed += &rest[..at];
            renamed += &if whole { format!(".{}", number + 1) } else { label.clone() };
            rest = after;
        }
        code = renamed + rest;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::{by_hand, extract};

    #[test]
    fn what_is_written_by_hand_is_the_first_two() {
        let text =
            "# x\n\ngmp_context_start:\n a\n\ngmp_context_call_on:\n b\n\ngmp_asm_switch:\n c\n";
        assert_eq!(by_hand(text), "\ngmp_context_start:\n a\n\ngmp_context_call_on:\n b\n");
        assert_eq!(by_hand(""), "");
    }

    #[test]
    fn a_function_is_cut_out_and_its_labels_are_renumbered() {
        let assembly = "other:\n\tret\n\t.cfi_endproc\nf:\n\t.cfi_startproc\n\tje\t.LBB7_1\n\tcall g // x\n\
                        .LBB7_1:\n\tje\t.LBB7_12\n\tret\n.LBB7_12:\n\tud2\n.Lfunc_end7:\n";
        let code = "f:\n    je .1\n    call g\n.1:\n    je .2\n    ret\n.2:\n    ud2\n";
        assert_eq!(extract(assembly, "f").as_deref(), Some(code));
        assert_eq!(extract(assembly, "missing"), None);
    }
}
