//! Under gdb: its user sees no signal of ours, hogs are stopped, and the program ends as it would have.

use std::hint::black_box;
use std::process::Command;

use super::{has, said, stops, until, with_hogs};

const CASE: &str = "GMP_TEST_CASE";
const TEST: &str = "debugger::a_program_runs_under_gdb";

/// By its name as it is, which nothing else has: builds without debug information have no other.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gmp_test_all_is_well(stopped: u64) {
    black_box(stopped);
}

#[test]
#[expect(clippy::print_stdout, reason = "says what gdb shall show, and why it was skipped")]
fn a_program_runs_under_gdb() {
    if std::env::var_os(CASE).is_some() {
        let times = with_hogs(|| {
            until(100, || true);
            // Here gdb stops everybody, shows their stacks, and goes on.
            gmp_test_all_is_well(stops());
            let before = stops();
            until(before + 100, || true);
            stops()
        });
        println!("stopped {times}");
        std::process::exit(0);
    }
    if !has("gdb") {
        return println!("skipped: there is no gdb, or the tests run in an emulator");
    }
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx"]);
    let commands = [
        "set debuginfod enabled off",
        "handle SIGURG nostop noprint pass",
        "break gmp_test_all_is_well",
        "run",
        "thread apply all -s backtrace 20",
        "continue",
    ];
    commands.iter().for_each(|command| {
        gdb.args(["-ex", command]);
    });
    gdb.arg("--args").arg(std::env::current_exe().unwrap());
    gdb.args([TEST, "--exact", "--nocapture", "--test-threads=1"]);
    let out = gdb.env(CASE, "x").output().unwrap();
    let all = said(&out);
    if all.contains("ptrace: Operation not permitted") {
        return println!("skipped: nobody may be traced here");
    }
    assert!(all.contains("exited normally"), "{all}");
    // gdb writes to the same stream, also into the line.
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let stopped = all.split("stopped ").skip(1).find_map(number);
    assert!(stopped.is_some_and(|times: u64| times >= 200), "{all}");
    // Nobody who debugs is told of ours, and the handler of those that are stopped is seen as one.
    assert!(!all.contains("received signal SIGURG"), "{all}");
    assert!(all.contains("<signal handler called>"), "{all}");
}
