//! The manners of clients: what connection number i does once it may talk.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use gmp::net::TcpStream;

/// Talks and checks every byte, in the manner of `number`. Parks.
pub(crate) fn talk(number: usize, mut stream: TcpStream) {
    let mut message = [0u8; 64];
    message[..8].copy_from_slice(&number.to_le_bytes());
    match number % 10 {
        0 => reset(stream),
        1 => byte_by_byte(&mut stream, &message),
        2 => slow_reader(stream),
        3 => half_close(stream, &message),
        4 => impatient(&mut stream, &message),
        _ => (0..10).for_each(|_| echo(&mut stream, &message)),
    }
}

fn echo(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(message).expect("writes");
    let mut answer = [0; 64];
    stream.read_exact(&mut answer[..message.len()]).expect("reads");
    assert!(answer[..message.len()] == *message, "another's bytes");
}

/// Leaves in the middle, with a reset.
fn reset(mut stream: TcpStream) {
    stream.write_all(b"and then").expect("writes");
    stream.set_linger(Some(Duration::ZERO)).expect("an open socket");
}

fn byte_by_byte(stream: &mut TcpStream, message: &[u8]) {
    message.iter().for_each(|byte| echo(stream, std::slice::from_ref(byte)));
}

/// Sends more than fits under way, and begins to read much later, in small pieces.
fn slow_reader(stream: TcpStream) {
    const LEN: usize = 256 << 10;
    gmp::scope(|s| {
        s.go(|| (&stream).write_all(&[7; LEN]).expect("writes"));
        gmp::time::sleep(Duration::from_millis(20));
        let (mut got, mut buf) = (0, [0; 4096]);
        while got < LEN {
            let n = (&stream).read(&mut buf).expect("reads");
            assert!(n > 0 && buf[..n].iter().all(|byte| *byte == 7));
            got += n;
        }
    });
}

fn half_close(mut stream: TcpStream, message: &[u8]) {
    stream.write_all(message).expect("writes");
    stream.shutdown(Shutdown::Write).expect("an open socket");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("reads");
    assert!(answer == message, "another's bytes");
}

/// Meets a deadline in every wait, and goes on.
fn impatient(stream: &mut TcpStream, message: &[u8]) {
    let at = Instant::now() + Duration::from_micros(50);
    stream.set_read_deadline(Some(at)).expect("an open socket");
    let error = stream.read(&mut [0]).expect_err("nothing was sent").kind();
    assert!(error == ErrorKind::TimedOut && Instant::now() >= at);
    stream.set_read_deadline(None).expect("an open socket");
    echo(stream, message);
}
