//! Child processes beside hogs, by `posix_spawn` and by `fork` and `exec`: they start with the signals of any child.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{alone, stops, until, with_hogs};

const SCRIPT: [&str; 2] = ["-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status"];

/// The blocked and ignored signals of a child that std starts. `fork` is what it does when there is something to do in
/// between.
fn signals(fork: bool) -> String {
    let mut command = Command::new("sh");
    command.args(SCRIPT);
    if fork {
        // SAFETY: does nothing.
        unsafe { command.pre_exec(|| Ok(())) };
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{:?}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn children_have_the_signals_of_any_child() {
    alone("children::children_have_the_signals_of_any_child", || {
        // What the two ways ignore differs: signals of the C library, which it never shows.
        let expected = [false, true].map(signals);
        assert!(
            expected.iter().all(|all| all.contains("SigBlk:\t0000000000000000")),
            "{expected:?}"
        );
        with_hogs(|| {
            let parents: Vec<_> = (0..4)
                .map(|number| {
                    let expected = expected.clone();
                    gmp::go(move || {
                        for _ in 0..10 {
                            assert_eq!(signals(number % 2 == 1), expected[number % 2]);
                        }
                    })
                })
                .collect();
            // The runtime's own way to wait for a child, beside those.
            for _ in 0..10 {
                let out = gmp::process::Command::new("sh").args(SCRIPT).output().unwrap();
                assert_eq!(String::from_utf8(out.stdout).unwrap(), expected[0]);
            }
            parents.into_iter().for_each(|parent| parent.join().unwrap());
            let before = stops();
            until(before + 20, || true);
        });
    });
}
