//! What a debugger shows of a coroutine: its frames, those of a segment and of the stack below, and an end without complaint.
//! Without gdb on the machine there is nothing to check.

use std::hint::black_box;
use std::process::Command;

use gmp_context::{Coroutine, Yielder, grow};

#[path = "support/skip.rs"]
mod skip;

const CHILD: &str = "GMP_CONTEXT_GDB";

#[inline(never)]
fn gmp_test_stop() {
    // SAFETY: stops in the debugger.
    black_box(unsafe { libc::raise(libc::SIGTRAP) });
}

#[inline(never)]
fn gmp_test_on_a_segment() {
    // Not the last thing, so that the call is no jump and leaves a frame.
    grow(256 << 10, gmp_test_stop);
    black_box(0);
}

#[inline(never)]
fn gmp_test_in_a_coroutine(_: &Yielder<(), ()>, (): ()) {
    grow(128 << 10, gmp_test_on_a_segment);
    black_box(0);
}

#[test]
fn backtraces_are_whole_and_end_at_the_entry() {
    const TEST: &str = "backtraces_are_whole_and_end_at_the_entry";
    let debugger = Command::new("gdb").arg("--version").output();
    if std::env::var_os(CHILD).is_some() {
        Coroutine::new(gmp_test_in_a_coroutine).resume(());
        std::process::exit(0);
    }
    if debugger.is_err() || std::env::var_os("GMP_TEST_RUNNER").is_some() {
        return skip::skipped("no gdb, or an emulator");
    }
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "run", "-ex", "bt"]);
    gdb.arg("--args").arg(std::env::current_exe().expect("own path"));
    gdb.args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
    let output = gdb.env(CHILD, "1").output().expect("gdb");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !said.contains("SIGTRAP") {
        // A sandbox without ptrace: not even `run` worked.
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.contains("ptrace") || complaint.contains("trace"), "{said}{complaint}");
        return skip::skipped("no ptrace");
    }
    let position = |name: &str| said.find(name).unwrap_or_else(|| panic!("no {name} in\n{said}"));
    let order = ["gmp_test_stop", "gmp_test_on_a_segment", "gmp_test_in_a_coroutine"].map(position);
    assert!(order.is_sorted(), "{said}");
    let last = said.lines().rfind(|line| line.starts_with('#')).expect("frames");
    assert!(last.contains("gmp_context_start"), "{said}");
    for complaint in ["corrupt stack", "Backtrace stopped", "Cannot access memory"] {
        assert!(!said.contains(complaint), "{said}");
    }
}
