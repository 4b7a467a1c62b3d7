//! Standard streams, pipes, and copying, for goroutines.
//!
//! The traits are std's, so everything that reads and writes fits together; this module has what blocks in
//! std's `io`: the process's own streams, which wait without holding a processor, pipes that park, and
//! [`copy()`], which leaves the moving of bytes to the kernel where it can.
//!
//! ```
//! use std::io::{Read, Write};
//! # unsafe { gmp::run(|| {
//! let (mut reader, mut writer) = gmp::io::pipe()?;
//! gmp::go(move || writeln!(writer, "through the pipe"));
//! let mut text = String::new();
//! reader.read_to_string(&mut text)?;
//! assert_eq!(text, "through the pipe\n");
//! writeln!(gmp::io::stdout(), "{}", text.trim())
//! # }) }.unwrap();
//! ```
//!
//! # Guarantees
//!
//! - A goroutine that waits for standard input parks, where that is a terminal, a pipe or a socket. The
//!   descriptors 0, 1 and 2 stay in blocking mode: other processes may share them.
//! - Output goes through std's buffers, so it stays in order with `println!`, and is flushed when std flushes.
//! - A lock on one of the streams belongs to the goroutine, wherever it runs, and can be taken again by it.
//! - Pipes have deadlines and `close`, as sockets do ([`net`](crate::net)).
//!
//! # How it works today
//!
//! `copy.rs` knows which types have a descriptor behind them and what the kernel can do with a pair of them;
//! `relay.rs` does it. `stdin.rs` asks `poll(2)` before each read; `output.rs` writes in declared blocking
//! sections, one goroutine at a time; `reentrant.rs` is their lock. `pipe.rs` is the two ends of a pipe, which
//! the pipes of child processes are made of.

mod reentrant;
mod stdin;

mod output;

mod copy;
mod relay;

pub(crate) mod pipe;
pub(crate) mod sigpipe;

pub(crate) use copy::cast;
pub use copy::copy;
pub use output::{Stderr, StderrLock, Stdout, StdoutLock, stderr, stdout};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use std::io::{
    BufRead, BufReader, BufWriter, Error, ErrorKind, IoSlice, IoSliceMut, LineWriter, Read, Result,
    Seek, SeekFrom, Write,
};
pub use stdin::{Stdin, StdinLock, stdin};
