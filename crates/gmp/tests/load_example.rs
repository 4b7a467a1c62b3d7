//! The example `load`: a thousand connections of all manners leave nothing behind, on a bad line too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The example's binary, in `examples` beside the folder of this test; built if `cargo test` did not.
fn load() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile.join("examples/load");
    if !binary.exists() {
        let release = profile.ends_with("release").then_some("--release");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--package", "gmp", "--example", "load", "--target-dir"])
            .arg(profile.parent().unwrap())
            .args(release)
            .status();
        assert!(built.unwrap().success() && binary.exists());
    }
    binary
}

fn check(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("nothing is left"), "{text}\n{complaints}");
}

#[test]
fn a_thousand_connections() {
    check(&Command::new(load()).arg("1000").output().unwrap());
}

/// Needs the right to make a network namespace, and the kernel's `netem`; says so where it has not.
#[test]
fn a_line_with_loss_and_delay() {
    let line = "ip link set lo up && tc qdisc add dev lo root netem delay 1ms loss 2%";
    let possible = Command::new("unshare").args(["--net", "sh", "-c", line]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        let what = "skipped: no network namespace with netem here (root, iproute2, sch_netem)";
        writeln!(std::io::stderr(), "{what}").unwrap();
        return;
    }
    let script = format!("{line} && exec \"$0\" 100");
    let mut command = Command::new("unshare");
    check(&command.args(["--net", "sh", "-c", &script]).arg(load()).output().unwrap());
}
