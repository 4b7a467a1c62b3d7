//! `cargo xtask TASK`: the repository's gates and tools, one per file.
//!
//! A gate checks the repository; a tool makes something. This file finds the one asked for.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program of the terminal")]

mod actions;
mod asm;
mod bench;
mod book;
mod cargo;
mod ci;
mod clippy;
mod cross;
mod debian;
mod deny;
mod doc;
mod files;
mod fmt;
mod gate;
mod harness;
mod interop;
mod loom;
mod models;
mod msrv;
mod nostd;
mod package;
mod process;
mod san;
mod semver;
mod stress;
mod suite;
mod tidy;
mod tools;

use std::process::ExitCode;

use gate::Gate;

/// The gates that can be run by name, with what they take.
const GATES: [(&str, &str, Gate); 17] = [
    ("fmt", "[--fix]  rustfmt over every file", fmt::run),
    ("tidy", "the rules of the repository", tidy::run),
    ("clippy", "warnings denied, all targets", clippy::run),
    ("test", "[debug|release] [-p CRATE] [FILTER]  unit and integration tests", suite::either),
    ("doctest", "examples in the documentation", doc::tests),
    ("doc", "documentation, broken links denied", doc::pages),
    ("book", "[--install]  the documents as one book: chapters, links, mdBook", book::run),
    ("actions", "[--install]  the workflows, by actionlint", actions::run),
    ("loom", "[CRATE..] [--only NAME]  models and their mutants", loom::run),
    ("interop", "[FILTER]  rustls, hyper, tokio and others on top of gmp", interop::run),
    ("package", "what each crate would publish", package::run),
    ("msrv", "[--install]  the oldest promised compiler", msrv::run),
    ("nostd", "what needs no std, built and run without it", nostd::run),
    ("deny", "[--install] [--advisories]  licences, sources, duplicates", deny::run),
    ("semver", "[--install] [--since REVISION]  the public interface", semver::run),
    ("san", "[CRATE..]  tests under the address sanitizer, gmp-context's under two more", san::run),
    ("asm", "[--aarch64] [--bless]  the machine code of the switch", asm::run),
];

/// Reports by itself.
type Tool = fn(&[String]) -> Result<(), String>;

/// The tools, with what they take.
const TOOLS: [(&str, &str, Tool); 4] = [
    ("ci", "all gates: what .ci/run runs", ci::run),
    ("cross", "[ARGS]  tests for aarch64 under qemu-user", cross::run),
    ("stress", "[--minutes N] [--seed S] [--only NAME]  seeded runs under load", stress::run),
    ("bench", "[--help]  every workload on every runtime, one report", bench::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        usage();
        return ExitCode::from(2);
    };
    let gate = GATES.iter().find(|(gate, ..)| gate == name);
    let tool = TOOLS.iter().find(|(tool, ..)| tool == name);
    let result = match (gate, tool) {
        (Some((.., gate)), _) => gate(rest).and_then(gate::Report::into_result),
        (None, Some((.., tool))) => tool(rest),
        (None, None) => {
            usage();
            return ExitCode::from(2);
        }
    };
    if let Err(error) = result {
        eprintln!("{name}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn usage() {
    eprintln!("usage: cargo xtask TASK [ARGUMENTS]\n");
    for (name, about) in TOOLS.map(|t| (t.0, t.1)).into_iter().chain(GATES.map(|g| (g.0, g.1))) {
        eprintln!("  {name:<10} {about}");
    }
}
