//! `cargo xtask asm [--bless]`: has the machine code of the switch changed?
//!
//! The switch is a dozen instructions whose neighbours the compiler chooses: what it saves around them is the cost. So the
//! code of a few functions of `gmp-context`'s example `asm` is kept in `crates/gmp-context/asm/`, and this gate builds them
//! anew and compares. Another compiler may do it differently and no worse: look at the difference, then `--bless` it. Not
//! part of `cargo xtask ci`, which has to hold for every compiler.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::cargo::{build, cargo, target_dir};
use crate::gate::{Report, root};

/// The functions that are kept, in the order of the file.
const FUNCTIONS: [&str; 5] = [
    "gmp_context_start",
    "gmp_context_call_on",
    "gmp_asm_switch",
    "gmp_asm_resume",
    "gmp_asm_suspend",
];

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let bless = match args {
        [] => false,
        [arg] if arg == "--bless" => true,
        _ => return Err("asm takes --bless or nothing".into()),
    };
    let assembly = assembly()?;
    let mut report = Report::new("functions");
    let mut text = format!("# {}\n# `cargo xtask asm --bless` writes this file.\n", compiler()?);
    for function in FUNCTIONS {
        let Some(code) = extract(&assembly, function) else {
            report.problem(format!("{function} is not in the assembly"));
            continue;
        };
        let _ = write!(text, "\n{code}");
        report.passed += 1;
    }
    let path = root().join(format!("crates/gmp-context/asm/{}.s", std::env::consts::ARCH));
    if bless {
        fs::create_dir_all(path.parent().expect("a folder")).map_err(|e| e.to_string())?;
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        return Ok(report);
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
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

fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = std::process::Command::new(rustc).arg("--version").output();
    let out = out.map_err(|e| format!("rustc: {e}"))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Builds the example and returns all assembly that the compiler made of it and of the crate.
fn assembly() -> Result<String, String> {
    let target: PathBuf = target_dir()?.join("asm");
    let mut command = cargo();
    command.args(["build", "--release", "--package", "gmp-context", "--example", "asm"]);
    command.arg("--target-dir").arg(&target);
    command.env("RUSTFLAGS", "--emit=asm -Cdebuginfo=0 -Ccodegen-units=1");
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    build(&mut command, &[])?;
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
    use super::extract;

    #[test]
    fn a_function_is_cut_out_and_its_labels_are_renumbered() {
        let assembly = "other:\n\tret\n\t.cfi_endproc\nf:\n\t.cfi_startproc\n\tje\t.LBB7_1\n\tcall g // x\n\
                        .LBB7_1:\n\tje\t.LBB7_12\n\tret\n.LBB7_12:\n\tud2\n.Lfunc_end7:\n";
        let code = "f:\n    je .1\n    call g\n.1:\n    je .2\n    ret\n.2:\n    ud2\n";
        assert_eq!(extract(assembly, "f").as_deref(), Some(code));
        assert_eq!(extract(assembly, "missing"), None);
    }
}
