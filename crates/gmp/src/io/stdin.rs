//! Standard input: a buffer that all handles share, filled by whoever reads, who parks meanwhile.
//!
//! Descriptor 0 stays in blocking mode, since its open file may be shared with the shell; so readiness is asked
//! for before each read: `poll(2)` without waiting, then the poller, then the read, in a declared section
//! because somebody else may have taken the bytes. What cannot be polled (a file) is just read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::OnceLock;

use gmp_netpoll::Direction;
use gmp_sched::blocking;

use crate::net::socket::Socket;
use crate::sync::{Mutex, MutexGuard};

/// The process's standard input; all handles share one buffer, which is not that of `std::io::stdin`.
#[derive(Debug, Clone, Copy)]
pub struct Stdin(());

/// The standard input, locked until dropped; reads lines and the like without locking each time.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct StdinLock<'a>(MutexGuard<'a, BufReader<Raw>>);

/// The process's standard input. Neither parks nor blocks.
pub fn stdin() -> Stdin {
    Stdin(())
}

impl Stdin {
    /// Takes the buffer for oneself. Not reentrant: who has it waits for ever. Parks while somebody else does.
    pub fn lock(&self) -> StdinLock<'static> {
        static BUFFER: OnceLock<Mutex<BufReader<Raw>>> = OnceLock::new();
        StdinLock(BUFFER.get_or_init(|| Mutex::new(BufReader::new(Raw::new()))).lock())
    }

    /// Appends the next line, with its end, to `line`; 0 bytes at the end of input. Parks.
    ///
    /// # Errors
    ///
    /// The system's; `InvalidData` when the line is not UTF-8.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// Whether it is a terminal. Neither parks nor blocks.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// The lines to come, without their ends.
    pub fn lines(self) -> io::Lines<StdinLock<'static>> {
        self.lock().lines()
    }
}

impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buf)
    }
}

impl Read for StdinLock<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: std, too, takes it for open as long as the process lives.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        libc::STDIN_FILENO
    }
}

/// The descriptor, unbuffered.
#[derive(Debug)]
enum Raw {
    /// On the poller, through a duplicate of descriptor 0.
    Polled(Socket<File>),
    /// It cannot be polled.
    Plain,
}

impl Raw {
    fn new() -> Raw {
        let duplicate = io::stdin().as_fd().try_clone_to_owned().map(File::from);
        duplicate.and_then(Socket::new).map_or(Raw::Plain, Raw::Polled)
    }
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Raw::Plain => blocking(|| read(libc::STDIN_FILENO, buf)),
            Raw::Polled(socket) => socket.whole(Direction::Read, None, |file| {
                if !is_readable(file.as_raw_fd())? {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                blocking(|| read(file.as_raw_fd(), buf))
            }),
        }
    }
}

/// As std: a standard input that is closed is an empty one. std's own handle would buffer.
fn read(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer has that much room.
    let count = unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) };
    usize::try_from(count).or_else(|_| match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EBADF) => Ok(0),
        error => Err(error),
    })
}

/// Whether a read would not block: data, the end, or an error.
fn is_readable(fd: RawFd) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which outlives the call.
    match unsafe { libc::poll(&raw mut entry, 1, 0) } {
        0 => Ok(false),
        1.. => Ok(true),
        _ => Err(io::Error::last_os_error()),
    }
}
