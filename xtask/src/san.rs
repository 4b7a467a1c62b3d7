//! `cargo xtask san [CRATE..]`: the tests under the address sanitizer, and `gmp-context`'s under the thread sanitizer and under
//! valgrind.
//!
//! Needs a nightly compiler, for the thread sanitizer with its `rust-src`, `llvm-symbolizer`, without which the sanitizers
//! name no functions, and valgrind; what is missing is left out, and its last line says so. Not part of `cargo xtask ci`, which
//! has to run on stable. The address sanitizer's fake stacks are off: they live on the
//! heap, and code that looks at its own stack pointer must see the real one. The standard library is built anew for the
//! thread sanitizer, which otherwise would not see what its locks order.
//!
//! That nothing is found proves little, so `gmp-context`'s tests `scope` and `race` plant what must be found.

use std::process::Command;
use std::time::Duration;

use crate::cargo::{build, cargo, target_dir, toolchain};
use crate::gate::Report;
use crate::harness::{self, Counts};
use crate::process::capture;
use crate::tools::in_path;

/// The crates with most unsafe code; the others follow from the arguments.
const DEFAULT: [&str; 4] = ["gmp-context", "gmp-sched", "gmp-netpoll", "gmp-preempt"];

const LIMIT: Duration = Duration::from_secs(600);

/// One sanitizer and what is run under it.
struct Pass {
    /// For `-Zsanitizer=`, and the name of the pass and of the folder that it is built in.
    flag: &'static str,
    /// What it is told, by an environment variable. That the variable is set tells the tests that it is there.
    options: (&'static str, &'static str),
    /// The test that plants errors.
    planted: &'static str,
}

const ADDRESS: Pass = Pass {
    flag: "address",
    options: ("ASAN_OPTIONS", "detect_stack_use_after_return=0:detect_leaks=0"),
    planted: "gmp-context scope",
};

const THREAD: Pass = Pass {
    flag: "thread",
    // A child process, forked by a program with several threads, runs another one at once.
    options: ("TSAN_OPTIONS", "die_after_fork=0"),
    planted: "gmp-context race",
};

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let mut report = Report::new("tests");
    let mut left_out = Vec::new();
    if let Err(reason) = valgrind(&mut report)? {
        left_out.push(format!("valgrind: {reason}"));
    }
    match host() {
        Ok(host) => {
            if let Err(reason) = sanitizers(host, args, &mut report)? {
                left_out.push(format!("thread sanitizer: {reason}"));
            }
        }
        Err(reason) => left_out.push(format!("sanitizers: {reason}")),
    }
    if report.passed + report.failed == 0 {
        return Ok(Report::skipped(left_out.join("; ")));
    }
    if !left_out.is_empty() {
        report.detail = format!("left out: {}", left_out.join("; "));
    }
    Ok(report)
}

/// Both sanitizers; why the second one did not run.
fn sanitizers(host: &str, args: &[String], report: &mut Report) -> Result<LeftOut, String> {
    let defaults = DEFAULT.map(str::to_owned);
    let mut packages = vec!["--lib", "--tests"];
    for name in if args.is_empty() { &defaults } else { args } {
        packages.extend(["--package", name]);
    }
    let planted = ADDRESS.run(host, &packages, report)?;
    if args.is_empty() {
        // What is left behind when a runtime ends in the middle of everything.
        let shutdown = ["--package", "gmp", "--test", "shutdown"];
        ADDRESS.run(host, &shutdown, report)?;
    }
    expect(&ADDRESS, planted, report);
    if !has_source() {
        return Ok(Err("no rust-src of the nightly"));
    }
    let tests = ["-Zbuild-std", "--lib", "--tests"];
    let planted = THREAD.run(host, &tests, report)?;
    expect(&THREAD, planted, report);
    Ok(Ok(()))
}

/// Why something did not run, if it did not.
type LeftOut = Result<(), &'static str>;

/// A pass without what must be found shows nothing.
fn expect(pass: &Pass, planted: usize, report: &mut Report) {
    if planted == 0 {
        let test = pass.planted;
        report.problem(format!("`{test}` did not run: nothing shows that errors are found"));
    }
}

impl Pass {
    /// Builds what `what` selects and runs it; the number of planted errors that were found.
    fn run(&self, host: &str, what: &[&str], report: &mut Report) -> Result<usize, String> {
        let mut command = toolchain("nightly").ok_or("no nightly")?;
        // With `--target` the flags reach only what runs, not macros and build scripts.
        command.args(["test", "--no-run", "--target", host, "--target-dir"]);
        let folder = match self.flag {
            "address" => "san".to_owned(),
            other => format!("san-{other}"),
        };
        command.arg(target_dir()?.join(folder));
        command.env("RUSTFLAGS", format!("-Zsanitizer={}", self.flag));
        // So that the sanitizer is told of each change of stacks.
        command.args(["--package", "gmp-context", "--features", "gmp-context/sanitizer"]);
        command.args(what);
        let mut planted = 0;
        for artifact in build(&mut command, &[])?.iter().filter(|a| a.test) {
            if artifact.target.ends_with("(proc-macro)") {
                continue; // It runs inside the compiler, and is linked against the compiler's std.
            }
            let Some(executable) = &artifact.executable else { continue };
            let mut command = harness::command(executable, &artifact.folder);
            command.env(self.options.0, self.options.1);
            let out = capture(&mut command, LIMIT)?;
            let counts = Counts::of(&out.stdout);
            let test = format!("{} {}", artifact.package, artifact.target);
            let name = format!("{} {test}", self.flag);
            println!("  {name:<52} {:>4} passed", counts.passed);
            report.passed += counts.passed;
            if test.contains(self.planted) {
                planted = counts.passed;
            }
            if !out.success() {
                print!("{}", out.transcript());
                report.problem(format!("{name}: {}", out.fate()));
            }
        }
        Ok(planted)
    }
}

/// Whether the nightly's standard library can be built.
fn has_source() -> bool {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", "nightly", "rustc", "--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN");
    let Ok(out) = capture(&mut rustc, Duration::from_secs(20)) else { return false };
    let library = "lib/rustlib/src/rust/library/std/Cargo.toml";
    out.success() && std::path::Path::new(out.stdout.trim()).join(library).exists()
}

/// Runs the tests of `gmp-context` that neither fork nor make a hundred thousand stacks under valgrind.
fn valgrind(report: &mut Report) -> Result<LeftOut, String> {
    const TESTS: [&str; 5] = ["coroutine", "switch", "segments", "tree", "registers"];
    let Some(out) = Command::new("valgrind").arg("--version").output().ok() else {
        return Ok(Err("not installed"));
    };
    println!("  {}", String::from_utf8_lossy(&out.stdout).trim());
    let mut command = cargo();
    command.args(["test", "--no-run", "--package", "gmp-context"]);
    command.args(["--features", "gmp-context/valgrind", "--target-dir"]);
    command.arg(target_dir()?.join("valgrind"));
    for test in TESTS {
        command.args(["--test", test]);
    }
    for artifact in build(&mut command, &[])?.iter().filter(|a| a.test) {
        let Some(executable) = &artifact.executable else { continue };
        let mut command = Command::new("valgrind");
        command.args(["--error-exitcode=9", "--quiet", "--fair-sched=yes"]).arg(executable);
        command.arg("--test-threads=1").current_dir(&artifact.folder);
        command.env("PROPTEST_CASES", "20");
        let out = capture(&mut command, LIMIT)?;
        let counts = Counts::of(&out.stdout);
        let name = format!("valgrind {}", artifact.target);
        println!("  {name:<52} {:>4} passed", counts.passed);
        report.passed += counts.passed;
        // A switch that it was not told of is a warning, not an error.
        if !out.success() || out.stderr.contains("client switching stacks") {
            print!("{}", out.transcript());
            report.problem(format!("{name}: {}", out.fate()));
        }
    }
    Ok(Ok(()))
}

/// The target triple of this machine; where the sanitizers do not run on it, why.
fn host() -> Result<&'static str, &'static str> {
    if toolchain("nightly").is_none() {
        return Err("no nightly");
    }
    if in_path("llvm-symbolizer").is_none() {
        return Err("no llvm-symbolizer (Debian: llvm): what is found would have no names");
    }
    match (std::env::consts::ARCH, std::env::consts::OS) {
        ("x86_64", "linux") => Ok("x86_64-unknown-linux-gnu"),
        ("aarch64", "linux") => Ok("aarch64-unknown-linux-gnu"),
        ("aarch64", "macos") => Ok("aarch64-apple-darwin"),
        _ => Err("none for this system"),
    }
}
