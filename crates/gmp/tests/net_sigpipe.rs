//! Writing to a peer that is gone is an error, also in a program that has SIGPIPE's default action.

mod util;

use std::io::{ErrorKind, IoSlice, Write};

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
