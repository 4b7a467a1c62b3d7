//! Writing to a peer that is gone is an error, also in a program that has SIGPIPE's default action.

mod util;

use std::io::{ErrorKind, IoSlice, Write};

use gmp::fs::File;
use gmp::io::{copy, pipe};
use gmp::net::{TcpListener, TcpStream, UnixStream};

/// Writes until it fails.
fn until_broken(mut write: impl FnMut() -> std::io::Result<usize>) -> ErrorKind {
    loop {
        if let Err(error) = write() {
            return error.kind();
        }
    }
}

#[test]
fn no_signal_for_streams() {
    let output = util::child("no_signal_for_streams", || {
        // SAFETY: a default action.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let body = || {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            drop(theirs);
            assert_eq!(until_broken(|| ours.write(b"x")), ErrorKind::BrokenPipe);
            let pieces = [IoSlice::new(b"x"), IoSlice::new(b"y")];
            assert_eq!(until_broken(|| ours.write_vectored(&pieces)), ErrorKind::BrokenPipe);

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            drop(listener.accept().unwrap());
            // The first error may be the reset; all later ones are this.
            until_broken(|| ours.write(b"x"));
            assert_eq!(until_broken(|| ours.write(b"x")), ErrorKind::BrokenPipe);
            assert_eq!(until_broken(|| ours.write_vectored(&pieces)), ErrorKind::BrokenPipe);
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { gmp::run(body) }
    });
    assert!(output.status.success(), "{output:?}");
}

/// Pipes, and what the kernel copies: there is no flag for these calls.
#[test]
fn no_signal_for_pipes_and_copies() {
    let output = util::child("no_signal_for_pipes_and_copies", || {
        // SAFETY: a default action.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let body = || {
            let (reader, mut writer) = pipe().unwrap();
            drop(reader);
            let pieces = [IoSlice::new(b"x"), IoSlice::new(b"y")];
            assert_eq!(until_broken(|| writer.write(b"x")), ErrorKind::BrokenPipe);
            assert_eq!(until_broken(|| writer.write_vectored(&pieces)), ErrorKind::BrokenPipe);

            // A file to a socket, and a socket to a pipe and to a socket, whose readers are gone.
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            drop(theirs);
            let mut program = File::open(std::env::current_exe().unwrap()).unwrap();
            assert_eq!(copy(&mut program, &mut ours).unwrap_err().kind(), ErrorKind::BrokenPipe);
            for to_pipe in [true, false] {
                let (from, mut feeder) = UnixStream::pair().unwrap();
                feeder.write_all(&[7; 4096]).unwrap();
                let outcome = if to_pipe {
                    copy(&mut &from, &mut writer)
                } else {
                    copy(&mut &from, &mut ours)
                };
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
            // And the signal is no longer blocked, nor waiting to be.
            let mut mask = std::mem::MaybeUninit::uninit();
            // SAFETY: room for the mask.
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr()) };
            // SAFETY: filled.
            let mask: libc::sigset_t = unsafe { mask.assume_init() };
            // SAFETY: an initialised set.
            assert_eq!(unsafe { libc::sigismember(&raw const mask, libc::SIGPIPE) }, 0);
        };
        // SAFETY: no thread-local is kept over a park.
        unsafe { gmp::run(body) }
    });
    assert!(output.status.success(), "{output:?}");
}
