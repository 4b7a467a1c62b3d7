//! `cargo xtask cross [ARGUMENTS OF CARGO TEST]`: tests for aarch64, built here and run under emulation.
//!
//! The switch is written twice, and most machines can run only one of the two. Debian has all it takes to run the other: a
//! compiler, its standard library for arm64, a linker and `qemu-user`. What is missing is installed (needs root), then the
//! tests run; without arguments those of `gmp-context`, and every target of the workspace is checked. `main.rs`
//! calls it.
//!
//! Two traps, found the hard way. The emulator gets no `-L`: the dynamic linker of the cross compiler's C library would
//! then load the C library of the arm64 packages, and the first thread never starts. And the kernel cannot start an arm64
//! program by itself, so tests that run themselves again find the emulator in `GMP_TEST_RUNNER`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::asm;
use crate::gate::root;
use crate::process;

pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";
const EMULATOR: &str = "/usr/bin/qemu-aarch64";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
const RUSTDOC: &str = "/usr/bin/rustdoc";

/// What Debian calls the parts, each with a file that tells whether it is there.
const PACKAGES: [(&str, &str); 5] = [
    ("rustc-web", RUSTC),
    ("libstd-rust-web-dev:arm64", "/usr/lib/rustlib/aarch64-unknown-linux-gnu/lib"),
    ("gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/crti.o"),
    ("qemu-user", EMULATOR),
];

/// For the package lists and 300 MB of packages on a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);
/// The suite takes half a minute emulated, its compilation as long on two cores.
const TEST_LIMIT: Duration = Duration::from_secs(1200);

/// Installs what is missing, then builds and runs the tests; blocks the thread until they are done.
///
/// Fails when a package cannot be installed, a test fails, or no test ran.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    install()?;
    let output = process::capture(&mut tests(args), TEST_LIMIT)?;
    let passed = count(&output.stdout, " passed");
    let failed = count(&output.stdout, " failed");
    if !output.success() {
        print!("{}", output.transcript());
        return Err(format!("{} ({passed} tests passed, {failed} failed)", output.fate()));
    }
    if passed == 0 {
        return Err(format!("no test ran\n{}", output.transcript()));
    }
    println!("  {passed} tests passed on {TARGET} in {:.0} s", output.elapsed.as_secs_f64());
    if args.is_empty() {
        asm::compare("aarch64", false)?.into_result()?;
        let mut all = cargo("check");
        all.args(["--workspace", "--all-targets"]);
        println!("  {}", process::show(&all));
        process::inherit(&mut all, TEST_LIMIT)?;
    }
    Ok(())
}

fn install() -> Result<(), String> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut steps = [Command::new("dpkg"), Command::new("apt-get"), Command::new("apt-get")];
    steps[0].args(["--add-architecture", "arm64"]);
    steps[1].args(["-qq", "update"]);
    steps[2].args(["-qq", "install", "--yes", "--no-install-recommends"]).args(&missing);
    for step in &mut steps {
        step.env("DEBIAN_FRONTEND", "noninteractive");
        println!("  {}", process::show(step));
        process::inherit(step, INSTALL_LIMIT)?;
    }
    Ok(())
}

/// Cargo for the target. The standard library of one compiler is of no use to another, so Debian's does the whole build, in a
/// directory of its own: in a shared one each would take the other's work for stale.
fn cargo(task: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).arg(task);
    prepare(&mut command);
    command.env("RUSTDOC", RUSTDOC).env("CARGO_TARGET_DIR", root().join("target").join("cross"));
    command
}

fn tests(args: &[String]) -> Command {
    let mut command = cargo("test");
    command.arg("--no-fail-fast");
    if args.is_empty() {
        command.args(["-p", "gmp-context"]);
    }
    command
        .args(args)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", EMULATOR)
        .env("GMP_TEST_RUNNER", EMULATOR);
    println!("  {}", process::show(&command));
    command
}

/// Makes a build one for the target, with Debian's compiler.
pub(crate) fn prepare(command: &mut Command) {
    command.args(["--target", TARGET]).env("RUSTC", RUSTC);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
}

/// Adds up the numbers before `word` in the lines with which each test program ends.
fn count(output: &str, word: &str) -> usize {
    output
        .lines()
        .filter(|line| line.starts_with("test result:"))
        .filter_map(|line| line.split(word).next()?.rsplit(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{RUSTC, TARGET, count, tests};

    #[test]
    fn a_build_for_the_target_whatever_the_tests_are_told() {
        let command = tests(&["--".into(), "--nocapture".into()]);
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(args, ["test", "--target", TARGET, "--no-fail-fast", "--", "--nocapture"]);
        let set =
            |name: &str| command.get_envs().any(|(key, value)| key == name && value.is_some());
        for name in ["RUSTDOC", "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "GMP_TEST_RUNNER"]
        {
            assert!(set(name), "{name}");
        }
        assert!(command.get_envs().any(|env| env == ("RUSTC".as_ref(), Some(RUSTC.as_ref()))));
    }

    #[test]
    fn results_are_added_up() {
        let output = "test result: ok. 7 passed; 0 failed; 0 ignored\nnoise 9 passed\n\
                      test result: FAILED. 5 passed; 2 failed; 0 ignored\n";
        assert_eq!(count(output, " passed"), 12);
        assert_eq!(count(output, " failed"), 2);
    }
}
