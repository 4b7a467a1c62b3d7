//! What several test files share: running a test's body in a process of its own.

use std::process::{Command, Output, Stdio};

/// Set in a child.
const CHILD: &str = "GMP_TEST_CHILD";

/// Runs `body` in a child: this test executable again, told to run this test only. Its standard input is empty.
pub(crate) fn child(test: &str, body: impl FnOnce()) -> Output {
    child_with(test, Stdio::null(), body)
}

/// As `child`, with a standard input.
pub(crate) fn child_with(test: &str, stdin: Stdio, body: impl FnOnce()) -> Output {
    if std::env::var_os(CHILD).is_some_and(|name| name == test) {
        body();
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, test);
    command.stdin(stdin).output().unwrap()
}
