//! `copy`: from a reader to a writer, through the kernel where both are descriptors of ours.
//!
//! std's `copy` takes any reader and writer, and so does this one. Which types have a descriptor behind them is
//! found out by comparing type ids, as the compiler's specialisation would do for std; whatever is not on the
//! list is copied through a buffer. Called by users.

use std::any::TypeId;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;

use gmp_netpoll::Direction;
use gmp_sched::blocking;

use super::pipe::{PipeReader, PipeWriter};
use super::relay::{self, Relayed};
use crate::net::socket::Socket;
use crate::net::{TcpStream, UnixStream};
use crate::process::{ChildStderr, ChildStdin, ChildStdout};

/// Copies everything that `reader` has to `writer`, until its end; the number of bytes. Parks.
///
/// Between sockets and pipes of this crate the bytes do not pass through the process (`splice`), nor from a
/// [`fs::File`](crate::fs::File) to one of them (`sendfile`) or to another file (`copy_file_range`). The two
/// ends are then not read and written by turns but as fast as each goes, up to a pipe's capacity apart.
///
/// # Errors
///
/// The reader's or the writer's; what was read and not written by then is lost, as with std's.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let mut copied = Vec::new();
/// assert_eq!(gmp::io::copy(&mut &b"bytes"[..], &mut copied).unwrap(), 5);
/// # }) };
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let relayed = match (source(reader), sink(writer)) {
        (Some(End::File(from)), Some(End::File(to))) => {
            return blocking(|| io::copy(&mut &*from, &mut &*to));
        }
        (Some(End::File(from)), Some(End::Channel(to))) => relay::from_file(from, to)?,
        (Some(End::Channel(from)), Some(to)) => relay::through_pipe(from, &to)?,
        _ => Relayed::default(),
    };
    writer.write_all(&relayed.in_hand)?;
    if relayed.ended {
        return Ok(relayed.moved);
    }
    Ok(relayed.moved + relayed.in_hand.len() as u64 + io::copy(reader, writer)?)
}

/// What a reader or writer is to the kernel.
pub(super) enum End<'a> {
    /// Non-blocking, on the poller.
    Channel(&'a dyn Channel),
    /// Its calls may block the thread.
    File(&'a File),
}

/// A socket or pipe, whatever its type.
pub(super) trait Channel {
    /// Runs `operation` on the descriptor until it says something else than `WouldBlock`. Parks in between.
    fn run(
        &self,
        direction: Direction,
        operation: &mut dyn FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize>;
}

impl<S: AsFd> Channel for Socket<S> {
    fn run(
        &self,
        direction: Direction,
        operation: &mut dyn FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.whole(direction, None, |inner| operation(inner.as_fd()))
    }
}

fn source<R: ?Sized>(reader: &R) -> Option<End<'_>> {
    stream(reader)
        .or_else(|| cast::<R, ChildStdout>(reader).map(|r| End::Channel(r.socket())))
        .or_else(|| cast::<R, ChildStderr>(reader).map(|r| End::Channel(r.socket())))
        .or_else(|| cast::<R, PipeReader>(reader).map(|r| End::Channel(r.socket())))
        .or_else(|| file(reader))
}

fn sink<W: ?Sized>(writer: &W) -> Option<End<'_>> {
    stream(writer)
        .or_else(|| cast::<W, ChildStdin>(writer).map(|w| End::Channel(w.socket())))
        .or_else(|| cast::<W, PipeWriter>(writer).map(|w| End::Channel(w.socket())))
        .or_else(|| file(writer))
}

fn stream<T: ?Sized>(value: &T) -> Option<End<'_>> {
    cast::<T, TcpStream>(value)
        .map(|s| End::Channel(s.socket()))
        .or_else(|| cast::<T, UnixStream>(value).map(|s| End::Channel(s.socket())))
}

fn file<T: ?Sized>(value: &T) -> Option<End<'_>> {
    cast::<T, crate::fs::File>(value)
        .map(crate::fs::File::as_std)
        .or_else(|| cast::<T, File>(value))
        .map(End::File)
}

/// `value` as a `To`, if it is one or a reference to one.
pub(crate) fn cast<From: ?Sized, To: 'static>(value: &From) -> Option<&To> {
    let (from, this) = (typeid::of::<From>(), ptr::from_ref(value));
    if from == TypeId::of::<To>() {
        // SAFETY: `From` is `To`: `To` has no lifetimes that the comparison would not see.
        return Some(unsafe { &*this.cast::<To>() });
    }
    if from == typeid::of::<&To>() {
        // SAFETY: `From` is `&To` for some lifetime, which outlives the borrow of `value`.
        return Some(unsafe { *this.cast::<&To>() });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::cast;

    #[test]
    fn types_and_their_references_are_told_apart() {
        let number = 7u32;
        assert_eq!(cast::<u32, u32>(&number), Some(&7));
        assert_eq!(cast::<&u32, u32>(&&number), Some(&7));
        assert_eq!(cast::<i32, u32>(&7), None);
        assert_eq!(cast::<&i32, u32>(&&7), None);
        assert_eq!(cast::<[u32], u32>(&[7]), None);
        assert_eq!(cast::<&&u32, u32>(&&&number), None);
        assert_eq!(cast::<dyn std::fmt::Debug, u32>(&number), None);
    }
}
