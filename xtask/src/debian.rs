//! An old Rust toolchain out of Debian's archive, unpacked into a folder instead of installed.
//!
//! Debian's compilers conflict with each other and with rustup only as installed packages; unpacked side by side they
//! run from where they are, with their shared libraries found by `LD_LIBRARY_PATH`. So a machine that reaches Debian's
//! archive and nothing of Rust's can still check the oldest promised version. Used by `msrv.rs` only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::gate::root;
use crate::process::{capture, show};

/// The families of packages that Debian has compilers under: name of compiler, of cargo, and what the libraries' names
/// begin with.
const FAMILIES: [(&str, &str, &str); 2] =
    [("rustc-web", "cargo-web", "libstd-rust-web-"), ("rustc", "cargo", "libstd-rust-")];

/// Far more packages than a compiler with its libraries has.
const MOST: usize = 40;

/// For one call of `apt-get` or `dpkg`: some 40 MB over a slow line.
const LIMIT: Duration = Duration::from_secs(300);

/// The cargo of a toolchain that was unpacked into `folder`, if there is one of that version and it starts.
pub(crate) fn toolchain(folder: &Path, version: &str) -> Option<Command> {
    let bin = folder.join("usr/bin");
    let libraries = libraries(folder)?;
    let start = |program: &str| {
        let mut command = Command::new(bin.join(program));
        command.env("LD_LIBRARY_PATH", &libraries).env("RUSTC", bin.join("rustc"));
        command.env("RUSTDOC", bin.join("rustdoc")).env_remove("RUSTUP_TOOLCHAIN");
        command.env_remove("CARGO").current_dir(root());
        command
    };
    for (program, says) in [("rustc", "rustc "), ("cargo", "cargo ")] {
        let out = capture(start(program).arg("--version"), Duration::from_secs(20)).ok()?;
        if !out.success() || !out.stdout.starts_with(&format!("{says}{version}.")) {
            return None;
        }
    }
    Some(start("cargo"))
}

/// The folders that Debian keeps shared libraries in, below `folder`.
fn libraries(folder: &Path) -> Option<String> {
    let mut found = Vec::new();
    for part in ["usr/lib", "lib"] {
        for entry in fs::read_dir(folder.join(part)).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().contains("-linux-gnu") {
                found.push(entry.path().to_string_lossy().into_owned());
            }
        }
    }
    (!found.is_empty()).then(|| found.join(":"))
}

/// Downloads and unpacks Rust `version` with the libraries that this machine does not have.
///
/// # Errors
///
/// Why it cannot be had.
pub(crate) fn install(folder: &Path, version: &str) -> Result<(), String> {
    if capture(Command::new("apt-get").arg("--version"), LIMIT).is_err() {
        return Err("no apt-get".into());
    }
    let first = match packages(version)? {
        Some(packages) => packages,
        None => {
            // The lists of a fresh machine are empty. Who may not fetch them keeps those that there are.
            capture(Command::new("apt-get").args(["update", "-qq"]), LIMIT)?;
            packages(version)?.ok_or("Debian's archive has none of that version")?
        }
    };
    let archives = folder.join("archives");
    fs::create_dir_all(&archives).map_err(|e| format!("{}: {e}", archives.display()))?;
    println!("  getting {} from Debian", first.join(", "));
    let mut known: BTreeSet<String> = first.iter().map(|p| name(p).to_owned()).collect();
    let mut wanted = first;
    let mut seen = BTreeSet::new();
    while !wanted.is_empty() && known.len() < MOST {
        for package in &wanted {
            let mut download = Command::new("apt-get");
            download.args(["download", "-qq", package.as_str()]).current_dir(&archives);
            must(&mut download)?;
        }
        wanted.clear();
        for archive in debs(&archives)?.into_iter().filter(|path| seen.insert(path.clone())) {
            must(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(folder))?;
            let needs = must(Command::new("dpkg-deb").arg("-f").arg(&archive).arg("Depends"))?;
            wanted
                .extend(dependencies(&needs).filter(|n| !installed(n) && known.insert(n.clone())));
        }
    }
    // The archives have served, and are as large as what was in them.
    fs::remove_dir_all(&archives).map_err(|e| format!("{}: {e}", archives.display()))
}

/// `name=version` of the packages of the first family that has `version`.
fn packages(version: &str) -> Result<Option<Vec<String>>, String> {
    for (rustc, cargo, library) in FAMILIES {
        let table = capture(Command::new("apt-cache").args(["madison", rustc]), LIMIT)?;
        let Some(exact) = newest(&table.stdout, version) else { continue };
        let libraries = [format!("{library}{version}"), format!("{library}dev")];
        let names = [rustc.to_owned(), cargo.to_owned()].into_iter().chain(libraries);
        return Ok(Some(names.map(|name| format!("{name}={exact}")).collect()));
    }
    Ok(None)
}

/// The first version of a table of `apt-cache madison` that begins with `version`.
fn newest<'a>(table: &'a str, version: &str) -> Option<&'a str> {
    let versions = table.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    versions.into_iter().find(|found| found.starts_with(&format!("{version}.")))
}

/// The names in a `Depends` field that are libraries: compilers and linkers are there wherever Rust is.
fn dependencies(field: &str) -> impl Iterator<Item = String> + '_ {
    let first = |group: &str| group.split('|').next().unwrap_or_default().trim().to_owned();
    field
        .split(',')
        .map(move |group| first(group).split([' ', '(', ':']).next().unwrap_or_default().to_owned())
        .filter(|name| name.starts_with("lib") && !name.ends_with("-dev"))
}

fn name(package: &str) -> &str {
    package.split('=').next().unwrap_or(package)
}

fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    let out = capture(query.args(["-W", "-f", "${Status}", package]), LIMIT);
    out.is_ok_and(|out| out.stdout.contains("ok installed"))
}

fn debs(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect())
}

/// What `command` prints when it succeeds.
fn must(command: &mut Command) -> Result<String, String> {
    let out = capture(command, LIMIT)?;
    if out.success() {
        return Ok(out.stdout);
    }
    let words = out.stderr.lines().find(|line| line.starts_with("E:"));
    Err(format!("`{}`: {}", show(command), words.unwrap_or(&out.fate())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_version_is_found_among_others() {
        let table = " rustc-web | 1.96.0+dfsg1-1~deb12u2 | a Packages\n \
                     rustc-web | 1.85.0+dfsg3-1~deb12u3 | b Packages\n";
        assert_eq!(newest(table, "1.85"), Some("1.85.0+dfsg3-1~deb12u3"));
        assert_eq!(newest(table, "1.8"), None);
    }

    #[test]
    fn only_libraries_are_followed() {
        let field = "libc6 (>= 2.34), gcc | clang, libstd-rust-web-dev (= 1), libllvm19:amd64";
        assert_eq!(dependencies(field).collect::<Vec<_>>(), ["libc6", "libllvm19"]);
    }
}
