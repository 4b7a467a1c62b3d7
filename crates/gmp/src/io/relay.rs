//! Copying inside the kernel: a file into a channel, a channel into anything, through a pipe.
//!
//! `splice` moves pages between a pipe and something else, so two sockets need a pipe in between: one call
//! fills it, one empties it. Each side waits on its own socket, which is why the pipe is used also where one
//! side is a pipe already: `EAGAIN` from a call on two pipes would not say which of them is to be waited for.
//! What the kernel cannot do for a pair is noticed at the first try and done by `copy` through memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gmp_netpoll::Direction;
use gmp_sched::blocking;

use super::copy::{Channel, End};
use super::sigpipe::quietly;
use crate::sys;

/// Bytes per call: what a pipe holds by default. More would need `F_SETPIPE_SZ`, which is limited per user.
const CHUNK: usize = 64 << 10;

/// How far the kernel has got.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    /// Bytes that have arrived.
    pub(super) moved: u64,
    /// Bytes that were read and are still to be written.
    pub(super) in_hand: Vec<u8>,
    /// The reader is at its end. False: the kernel cannot do the rest.
    pub(super) ended: bool,
}

/// The kernel cannot: a marker on its way through `Channel::run`.
fn cannot() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// Separates "the kernel cannot" from the errors of the channels.
fn sort(outcome: io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(moved) => Ok(Some(moved)),
        // Not an error that the calls make: `sys` turns theirs into `None`.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// From a file, from its position on.
pub(super) fn from_file(from: &File, to: &dyn Channel) -> io::Result<Relayed> {
    let mut done = Relayed::default();
    loop {
        let sent = to.run(Direction::Write, &mut |to| {
            let send = || sys::send_file(from.as_fd(), to, CHUNK).unwrap_or_else(|| Err(cannot()));
            blocking(|| quietly(CHUNK, send))
        });
        match sort(sent)? {
            // Some files of the kernel's own have no size and are "at the end" at once: a read tells.
            None | Some(0) => return Ok(done),
            Some(moved) => done.moved += moved as u64,
        }
    }
}

/// From a channel to a channel or file.
pub(super) fn through_pipe(from: &dyn Channel, to: &End<'_>) -> io::Result<Relayed> {
    let mut done = Relayed::default();
    // Without descriptors for a pipe it goes through memory.
    let Ok((outlet, inlet)) = sys::pipe() else { return Ok(done) };
    loop {
        let taken = from.run(Direction::Read, &mut |from| {
            sys::splice(from, inlet.as_fd(), CHUNK).unwrap_or_else(|| Err(cannot()))
        });
        match sort(taken)? {
            None => return Ok(done),
            Some(0) => return Ok(Relayed { ended: true, ..done }),
            Some(taken) => {
                let left = empty(&outlet, to, taken)?;
                done.moved += (taken - left) as u64;
                if left > 0 {
                    done.in_hand = vec![0; left];
                    File::from(outlet).read_exact(&mut done.in_hand)?;
                    return Ok(done);
                }
            }
        }
    }
}

/// Empties the pipe of `left` bytes; how many are left because the kernel cannot.
fn empty(outlet: &OwnedFd, to: &End<'_>, mut left: usize) -> io::Result<usize> {
    let give = |to: BorrowedFd<'_>, left| {
        let splice = || sys::splice(outlet.as_fd(), to, left).unwrap_or_else(|| Err(cannot()));
        quietly(left, splice)
    };
    while left > 0 {
        let given = match to {
            End::Channel(to) => to.run(Direction::Write, &mut |to| give(to, left)),
            End::File(to) => blocking(|| give(to.as_fd(), left)),
        };
        match sort(given)? {
            None => return Ok(left),
            Some(0) => return Err(io::ErrorKind::WriteZero.into()),
            Some(given) => left -= given,
        }
    }
    Ok(0)
}
