//! The gdb script lists the goroutines of a core dump and walks their stacks. Skipped, and said so, without gdb.

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const CASE: &str = "GMP_TEST_CASE";
const TEST: &str = "a_core_has_goroutines_with_stacks";

#[inline(never)]
fn gmp_test_waits(rx: &gmp::chan::Receiver<()>, depth: u32) -> u32 {
    if depth == 0 {
        let _ = rx.recv();
        return 0;
    }
    gmp_test_waits(rx, depth - 1) + black_box(1)
}

#[inline(never)]
fn gmp_test_hogs() {
    while black_box(true) {}
}

#[expect(clippy::print_stdout, reason = "how the child tells its parent that it is ready")]
fn program() {
    let (tx, rx) = gmp::chan::bounded::<()>(0);
    gmp::go(move || gmp_test_waits(&rx, 3));
    gmp::go(gmp_test_hogs);
    let in_place = |state: &str| gmp::testing::leaked().iter().any(|g| g.state == state);
    while !(in_place("chan receive") && in_place("running")) {
        gmp::yield_now();
    }
    // Said by a plain thread, when the main goroutine is in its place, too.
    std::thread::spawn(|| {
        while !gmp::runtime::metrics().states.iter().any(|(state, _)| *state == "sleep") {
            std::thread::yield_now();
        }
        println!("ready");
    });
    gmp::time::sleep(std::time::Duration::from_secs(600));
    drop(tx);
}

#[test]
#[expect(clippy::print_stdout, reason = "says why it was skipped")]
fn a_core_has_goroutines_with_stacks() {
    if std::env::var_os(CASE).is_some() {
        let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        // Refused where the hard limit is lower: then there is no core.
        // SAFETY: the structure is valid.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const all) };
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(program) };
    }
    if Command::new("gdb").arg("--version").output().is_err()
        || std::env::var_os("GMP_TEST_RUNNER").is_some()
    {
        return println!("skipped: there is no gdb, or the tests run in an emulator");
    }
    let this = std::env::current_exe().unwrap();
    let folder = std::env::temp_dir().join(format!("gmp-core-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new(&this);
    child.args([TEST, "--exact", "--nocapture"]).env(CASE, "x").env("GOMAXPROCS", "2");
    let mut child = child.current_dir(&folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")), "the child ended early");
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGABRT) };
    child.wait().unwrap();
    let core = std::fs::read_dir(&folder).unwrap().next().map(|file| file.unwrap().path());
    let Some(core) = core else {
        std::fs::remove_dir_all(&folder).unwrap();
        return println!(
            "skipped: this system puts core dumps elsewhere (core_pattern, ulimit -c)"
        );
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/gdb/gmp.py");
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex"]);
    gdb.arg(format!("source {script}")).args(["-ex", "gmp goroutines", "-ex", "gmp bt all"]);
    let out = gdb.arg(&this).arg(&core).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let all = format!("{said}{}", String::from_utf8_lossy(&out.stderr));
    let heads: Vec<_> = said.lines().filter(|l| l.starts_with("goroutine ")).collect();
    // Each in the list and above its stack.
    assert_eq!(heads.len(), 6, "{all}");
    assert!(heads[0].starts_with("goroutine 1 [sleep]"), "{all}");
    assert!(
        heads
            .iter()
            .any(|l| l.contains("[chan receive]  created by 1 at crates/gmp/tests/gdb_core.rs:")),
        "{all}"
    );
    let entries: Vec<_> = said.split("\n\n").collect();
    let entry = |words: &str| {
        entries.iter().find(|e| e.contains(words)).unwrap_or_else(|| panic!("{words}: {all}"))
    };
    let waits = entry("gmp_test_waits");
    assert_eq!(waits.matches("gdb_core::gmp_test_waits").count(), 4, "{all}");
    assert!(waits.lines().last().unwrap().contains("gmp_context_start"), "{all}");
    assert!(entry("gmp_test_hogs").contains("  thread "), "{all}");
    for complaint in ["corrupt stack", "Backtrace stopped", "Cannot access memory", "Error"] {
        assert!(!said.contains(complaint), "{all}");
    }
}
