//! `docs/debugging.md` tells the truth: the example `debug` is broken in the five ways it says, and the tools show it.
//!
//! The page shows what a build with debug assertions prints: optimised, frames are inlined and names shortened.

#![cfg(debug_assertions)]

mod quit_common;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quit_common::takes_sigquit;

/// The example's binary, in `examples` beside the folder of this test; built if `cargo test` did not.
fn debug(which: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary: PathBuf = profile.join("examples/debug");
    if !binary.exists() {
        let release = profile.ends_with("release").then_some("--release");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--package", "gmp", "--example", "debug", "--target-dir"])
            .arg(profile.parent().unwrap())
            .args(release)
            .status();
        assert!(built.unwrap().success() && binary.exists());
    }
    let mut command = Command::new(binary);
    command.arg(which).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What the page says in its code blocks, without what differs from run to run: the lines that begin with one of these.
fn promised(section: &str) -> Vec<&'static str> {
    let page = include_str!("../../../docs/debugging.md");
    let from = page.find(&format!("## {section}\n")).unwrap_or_else(|| panic!("no {section}"));
    let section = page[from + 3..].split("\n## ").next().unwrap();
    let blocks = section.split("```text\n").skip(1).map(|b| b.split("```").next().unwrap());
    let stable = |line: &&str| {
        let line = line.trim_start();
        [
            "fatal: ",
            "debug::",
            "crates/gmp/examples/",
            "created by ",
            "gmp: stack overflow",
            "gmp: raise it",
        ]
        .iter()
        .any(|begin| line.starts_with(begin))
    };
    blocks.flat_map(str::lines).filter(stable).collect()
}

/// Every stable line of the section is in the output.
fn check(section: &str, output: &str) {
    let lines = promised(section);
    assert!(lines.len() >= 2, "{section} promises nothing");
    for line in lines {
        // The page shortens paths.
        let line = line.trim_start();
        assert!(output.contains(line), "{section}: no {line:?} in\n{output}");
    }
}

#[test]
fn everything_stands_still() {
    let out = debug("deadlock").output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{text}");
    check("Everything stands still", &text);
}

#[test]
fn goroutines_are_left_behind() {
    let mut child = takes_sigquit(&mut debug("leak")).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "0 of 1200 requests were answered");
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) };
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    check("Goroutines are left behind", &text);
}

#[test]
fn somebody_computes() {
    let mut child = debug("hog").env("GMP_WARN_HOG", "50").spawn().unwrap();
    let mut text = String::new();
    let mut out = BufReader::new(child.stderr.take().unwrap());
    while !text.contains("\ncreated by goroutine 1 at ") {
        assert_ne!(out.read_line(&mut text).unwrap(), 0, "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.contains(" ms without a call into the runtime\n"), "{text}");
    check("Somebody computes", &text);
}

#[test]
fn a_stack_overflows() {
    let out = debug("overflow").output().unwrap();
    assert_eq!(out.status.code(), None, "a signal ends it");
    check("A stack overflows", &String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_wake_up_seems_to_be_lost() {
    let trace = std::env::temp_dir().join(format!("gmp-lost-{}.json", std::process::id()));
    let mut command = debug("lost");
    let out = command.env("GMP_SCHEDTRACE", "100").env("GMP_TRACE", &trace).output().unwrap();
    let (said, lines) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(
        said.starts_with("longest way ") && said.contains("99 of 100 waited less than"),
        "{said}"
    );
    assert!(lines.lines().filter(|l| l.starts_with("SCHED ")).count() >= 2, "{lines}");
    let text = std::fs::read_to_string(&trace).unwrap();
    std::fs::remove_file(&trace).unwrap();
    assert!(text.contains("\"name\":\"runnable\""));
}
