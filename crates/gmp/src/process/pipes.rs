//! The pipes of a child: its input, output and errors as seen from here.
//!
//! Ends of pipes as in `io`, under std's names. Whoever uses `gmp::process` meets them.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::time::Instant;

use gmp_netpoll::Direction::{Read, Write};

use crate::io::pipe::{end, reads, set_nonblocking, writes};
use crate::net::socket::Socket;

/// What the child reads. Dropping it ends the child's input.
pub struct ChildStdin(Socket<File>);

end!(ChildStdin, Write);
writes!(ChildStdin);

/// What the child writes.
pub struct ChildStdout(Socket<File>);

end!(ChildStdout, Read);
reads!(ChildStdout);

/// What the child complains about.
pub struct ChildStderr(Socket<File>);

end!(ChildStderr, Read);
reads!(ChildStderr);

/// A pipe of std's `Child`.
macro_rules! from_std {
    ($name:ident) => {
        impl From<std::process::$name> for $name {
            fn from(pipe: std::process::$name) -> $name {
                $name::from(OwnedFd::from(pipe))
            }
        }
    };
}

from_std!(ChildStdin);
from_std!(ChildStdout);
from_std!(ChildStderr);
