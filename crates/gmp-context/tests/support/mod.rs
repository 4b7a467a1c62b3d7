//! Helpers of several test files: child processes for what a process does not survive.

use std::env;
use std::process::{Command, Output};

const WHICH: &str = "GMP_CONTEXT_CHILD";

/// Runs `body` in a child process and returns how that ended; in the child itself, never returns.
///
/// `test` is the name of the calling test. The child is this executable again, asked for that one test.
pub(crate) fn child(test: &str, body: impl FnOnce()) -> Output {
    if env::var_os(WHICH).is_some() {
        body();
        std::process::exit(0);
    }
    let me = env::current_exe().expect("own path");
    let mut command = match env::var_os("GMP_TEST_RUNNER") {
        // `cargo xtask cross`: the kernel cannot start this executable by itself.
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(me);
            command
        }
        None => Command::new(me),
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(WHICH, test);
    command.output().expect("child process")
}

/// What the child wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
