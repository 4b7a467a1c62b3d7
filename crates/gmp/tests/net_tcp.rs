//! TCP streams and listeners: std's surface, from goroutines.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[gmp::test(unsafe)]
fn five_hundred_connections_echo_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    gmp::go(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            gmp::go(move || {
                let mut buf = [0; 256];
                while let Ok(n @ 1..) = stream.read(&mut buf) {
                    stream.write_all(&buf[..n]).unwrap();
                }
            });
        }
    });
    let clients: Vec<_> = (0..500u32)
        .map(|id| {
            gmp::go(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                for round in 0..20u32 {
                    let message = [id.to_le_bytes(), round.to_le_bytes()].concat();
                    stream.write_all(&message).unwrap();
                    let mut answer = [0; 8];
                    stream.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, *message);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[gmp::test(unsafe)]
fn megabytes_arrive_in_order_through_small_buffers() {
    let (mut ours, mut theirs) = pair();
    let sent: Vec<u8> = (0..4_000_000u32).map(|i| (i * 7 / 3) as u8).collect();
    let expected = sent.clone();
    let writer = gmp::go(move || {
        theirs.write_all(&sent).unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        // The other half still works.
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).unwrap();
        answer
    });
    let mut got = Vec::new();
    ours.read_to_end(&mut got).unwrap();
    assert!(got == expected);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0, "the end stays");
    ours.write_all(b"thanks").unwrap();
    drop(ours);
    assert_eq!(writer.join().unwrap(), "thanks");
}

#[gmp::test(unsafe)]
fn vectored_and_peek() {
    let (mut ours, mut theirs) = pair();
    assert_eq!(theirs.write_vectored(&[IoSlice::new(b"abc"), IoSlice::new(b"defg")]).unwrap(), 7);
    let mut buf = [0; 16];
    assert_eq!(ours.peek(&mut buf).unwrap(), 7);
    let (mut a, mut b) = ([0; 2], [0; 5]);
    let n = ours.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
    assert_eq!((n, &a, &b), (7, b"ab", b"cdefg"));
    assert_eq!(ours.read(&mut []).unwrap(), 0, "an empty buffer does not wait");
}

#[gmp::test(unsafe)]
fn connecting_to_nobody_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let late = TcpStream::connect_timeout(&address, Duration::from_secs(9)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::ConnectionRefused);
    let zero = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
}

#[gmp::test(unsafe)]
fn options_and_conversions() {
    let (ours, mut theirs) = pair();
    assert!(ours.nodelay().unwrap() && theirs.nodelay().unwrap());
    ours.set_nodelay(false).unwrap();
    assert!(!ours.nodelay().unwrap());
    ours.set_ttl(33).unwrap();
    assert_eq!(ours.ttl().unwrap(), 33);
    assert_eq!(ours.peer_addr().unwrap(), theirs.local_addr().unwrap());
    assert!(ours.take_error().unwrap().is_none());

    let number = ours.as_raw_fd();
    let blocking = std::net::TcpStream::from(ours);
    assert_eq!(blocking.as_raw_fd(), number);
    theirs.write_all(b"x").unwrap();
    (&blocking).read_exact(&mut [0]).unwrap();
    let mut ours = TcpStream::from(OwnedFd::from(blocking));
    theirs.write_all(b"y").unwrap();
    ours.read_exact(&mut [0]).unwrap();

    let mut twin = ours.try_clone().unwrap();
    theirs.write_all(b"z").unwrap();
    twin.read_exact(&mut [0]).unwrap();
    twin.close();
    theirs.write_all(b"w").unwrap();
    ours.read_exact(&mut [0]).unwrap();

    ours.set_nonblocking(true).unwrap();
    assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[gmp::test(unsafe)]
fn a_broken_connection_is_an_error_not_a_signal() {
    let (mut ours, theirs) = pair();
    drop(theirs);
    let error = loop {
        if let Err(error) = ours.write_all(&[0; 4096]) {
            break error.kind();
        }
    };
    assert!(matches!(error, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error:?}");
}
