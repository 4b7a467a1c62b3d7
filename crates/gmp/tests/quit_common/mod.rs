//! For tests that send a child SIGQUIT.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lets the child take SIGQUIT, also where this process ignores it and so would the child: what a shell without job control
/// starts in the background does, and a runtime leaves an ignored signal alone.
pub(crate) fn takes_sigquit(command: &mut Command) -> &mut Command {
    let reset = || {
        // SAFETY: no preconditions; async-signal-safe.
        match unsafe { libc::signal(libc::SIGQUIT, libc::SIG_DFL) } {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: async-signal-safe.
    unsafe { command.pre_exec(reset) }
}
