//! Child processes: std's `Command`, whose pipes and whose waiting park the goroutine.
//!
//! ```
//! use gmp::process::{Command, Stdio};
//! use std::io::{Read, Write};
//!
//! # unsafe { gmp::run(|| {
//! let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//! let mut stdin = child.stdin.take().unwrap();
//! gmp::go(move || stdin.write_all(b"through a child")); // and close it
//! let mut text = String::new();
//! child.stdout.take().unwrap().read_to_string(&mut text)?;
//! assert_eq!(text, "through a child");
//! assert!(child.wait()?.success());
//! # std::io::Result::Ok(())
//! # }) }.unwrap();
//! ```
//!
//! # Guarantees
//!
//! - `spawn` blocks its thread, declared, until the program has been executed or could not be.
//! - `wait`, `output` and `status` take no thread while they wait, nor do the pipes. Where the system has no
//!   descriptor for a child (Linux has one since 5.3) `wait` blocks its thread, declared.
//! - A child is not killed when its `Child` is dropped, as in std.
//! - The pipes have deadlines and `close`, as sockets do ([`net`](crate::net)).
//!
//! # How it works today
//!
//! `command.rs` is std's builder, `child.rs` waits on a pidfd registered with the poller, `pipes.rs` is the
//! three pipes.

mod child;
mod command;
mod pipes;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
pub use std::process::{
    CommandArgs, ExitCode, ExitStatus, Output, Stdio, Termination, abort, exit, id,
};
