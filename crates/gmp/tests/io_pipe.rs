//! Pipes: two ends, the end of input, broken ones, deadlines, close, given to children.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gmp::io::{PipeReader, pipe};
use gmp::process::Command;

#[gmp::test(unsafe)]
fn bytes_in_order_and_an_end() {
    let (mut reader, mut writer) = pipe().unwrap();
    let sent: Vec<u8> = (0..500_000u32).map(|i| (i * 7 / 3) as u8).collect();
    let expected = sent.clone();
    gmp::go(move || {
        let (first, rest) = sent.split_at(10);
        let n = writer.write_vectored(&[IoSlice::new(&first[..4]), IoSlice::new(&first[4..])]);
        assert_eq!(n.unwrap(), 10);
        writer.write_all(rest).unwrap();
    });
    assert_eq!(reader.read(&mut []).unwrap(), 0, "an empty buffer does not wait");
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert!(got == expected);
}

#[gmp::test(unsafe)]
fn a_pipe_without_readers_is_broken() {
    let (reader, mut writer) = pipe().unwrap();
    let full = gmp::go(move || {
        loop {
            if let Err(error) = writer.write(&[0; 4096]) {
                return error.kind();
            }
        }
    });
    (0..50).for_each(|_| gmp::yield_now());
    drop(reader);
    assert_eq!(full.join().unwrap(), ErrorKind::BrokenPipe);
}

#[gmp::test(unsafe)]
fn deadlines_and_close() {
    let (mut reader, writer) = pipe().unwrap();
    let at = Instant::now() + Duration::from_millis(3);
    reader.set_deadline(Some(at)).unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(Instant::now() >= at);
    reader.set_deadline(None).unwrap();
    gmp::scope(|s| {
        let waiting = s.go(|| (&reader).read(&mut [0]).unwrap_err().kind());
        (0..20).for_each(|_| gmp::yield_now());
        reader.close();
        reader.close();
        assert_eq!(waiting.join().unwrap(), ErrorKind::ConnectionAborted);
    });
    assert_eq!((&reader).read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!((&writer).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[gmp::test(unsafe)]
fn ends_are_shared_and_given_away() {
    let (mut reader, writer) = pipe().unwrap();
    let twin = writer.try_clone().unwrap();
    // The child's end is in blocking mode again: cat and echo expect that.
    let mut child = Command::new("echo").arg("from the child").stdout(writer).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    drop((child, twin));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "from the child\n");
    let again = PipeReader::from(OwnedFd::from(reader));
    assert_eq!((&again).read(&mut [0]).unwrap(), 0);
}
