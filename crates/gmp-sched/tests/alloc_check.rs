//! The allocator check can fail: preloaded, it aborts a process that allocates or frees in a critical section. That nobody
//! does is checked by running every other test under it, which `cargo xtask test debug` does.

mod common;

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

const CASE: &str = "GMP_TEST_CASE";
const NAME: &str = "libgmp_alloc_check.so";

/// What this process runs under, if it is the check: the gate does it so, and then nothing may be skipped.
fn preloaded() -> Option<PathBuf> {
    let library = PathBuf::from(std::env::var_os("LD_PRELOAD")?);
    library.ends_with(NAME).then_some(library)
}

/// Beside the executables of tests, where cargo puts it; only there if somebody has built it.
fn library() -> Option<PathBuf> {
    let this = std::env::current_exe().unwrap();
    let library = this.parent()?.parent()?.join(NAME);
    (cfg!(debug_assertions) && library.exists()).then_some(library)
}

fn program(case: String) {
    let goroutine = move || {
        let kept = Box::new(1);
        let section = gmp_sched::critical();
        match case.as_str() {
            "allocates" => drop(black_box(Box::new(2))),
            "frees" => drop(black_box(kept)),
            _ => {}
        }
        drop(section);
    };
    common::on(1, || common::go(goroutine).join().unwrap());
    std::process::exit(0);
}

fn child(case: &str, library: &PathBuf) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "sections_are_checked", "--nocapture"]).env(CASE, case);
    command.env("LD_PRELOAD", library).output().unwrap()
}

#[test]
#[expect(clippy::print_stdout, reason = "says why it was skipped")]
fn sections_are_checked() {
    if let Ok(case) = std::env::var(CASE) {
        return program(case);
    }
    let Some(library) = preloaded().or_else(library) else {
        return println!(
            "skipped: no library (`cargo build -p gmp-alloc-check`), or no assertions"
        );
    };
    assert!(child("keeps the rule", &library).status.success());
    for (case, what) in [("allocates", "malloc"), ("frees", "free")] {
        let out = child(case, &library);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(said.contains(&format!("gmp: {what} where the runtime must not")), "{said}");
    }
}
